import type { Api } from './api.ts'

export interface ListedTransaction {
  readonly transactionalId: string
  readonly producerId: number
  /** `Ongoing`, `PrepareCommit`, `CompleteCommit`, `Empty` and others. */
  readonly state: string
}

/** Transactional ids in these states, of those that a broker coordinates: each has to be asked. */
export const listTransactions: Api<
  readonly string[],
  { readonly error: number; readonly transactions: readonly ListedTransaction[] }
> = {
  name: 'ListTransactions',
  key: 66,
  minVersion: 0,
  version: 0,
  write(writer, states) {
    writer
      .array(states, (w, state) => w.string(state))
      .array([], () => {})
      .tags()
  },
  read(reader) {
    reader.int32()
    const error = reader.int16()
    reader.array((r) => r.string())
    const transactions = reader.array((r) => {
      const listed = { transactionalId: r.string(), producerId: r.int64(), state: r.string() }
      r.tags()
      return listed
    })
    return { error, transactions }
  },
}
