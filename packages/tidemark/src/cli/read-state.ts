import type { StoreEntry, StoreReader } from '../api/app.ts'
import type { ReportReader } from '../api/report.ts'
import type { DataDir } from '../ops/data-dir.ts'

/** The committed state of a data directory as a job module's `report` sees it. */
export function reportReader(data: DataDir): ReportReader {
  return {
    store: ({ name }): StoreReader => ({
      get: async (key, at) => {
        const view = await data.store(name)
        try {
          return view.get(key, at)
        } finally {
          view.close()
        }
      },
      scan: (options) => scan(data, name, options?.limit),
    }),
  }
}

async function* scan(data: DataDir, name: string, limit: number | undefined): AsyncGenerator<StoreEntry, void> {
  const view = await data.store(name)
  try {
    yield* view.scan(limit === undefined ? {} : { limit })
  } finally {
    view.close()
  }
}
