import type { Base } from '../packages/tidemark/src/store/types.ts'

/** A base without anything that takes what is written, so that the layers above it are what is measured. */
export function emptyBase(): Base {
  const bytes = new Uint8Array(0)
  const nothing = {
    next: () => false,
    key: bytes,
    valueBytes: bytes,
    valueStart: 0,
    valueEnd: 0,
    close: () => undefined,
  }
  return {
    id: 0,
    descriptors: [],
    get: () => 0,
    valueBytes: bytes,
    valueStart: 0,
    valueEnd: 0,
    scan: () => nothing,
    *write(_id, _descriptors, stores) {
      let done = 0
      for (const { cursor } of stores) while (cursor.next()) if (++done % 512 === 0) yield
    },
    approximateCount: () => 0,
    statistics: () => ({ files: 0, bytes: 0, entries: 0 }),
    close: () => undefined,
  }
}
