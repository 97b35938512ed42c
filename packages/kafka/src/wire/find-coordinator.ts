import type { Api } from './api.ts'

export type CoordinatorKind = 'group' | 'transaction'

export interface FindCoordinatorRequest {
  readonly kind: CoordinatorKind
  readonly keys: readonly string[]
}

export interface Coordinator {
  readonly key: string
  readonly node: number
  readonly host: string
  readonly port: number
  readonly error: number
  readonly message: string | null
}

/** Which broker keeps a group's, or a transactional id's, state. */
export const findCoordinator: Api<FindCoordinatorRequest, readonly Coordinator[]> = {
  name: 'FindCoordinator',
  key: 10,
  minVersion: 4,
  version: 6,
  write(writer, { kind, keys }) {
    writer.int8(kind === 'group' ? 0 : 1)
    writer.array(keys, (w, key) => w.string(key)).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array((r) => {
      const coordinator = {
        key: r.string(),
        node: r.int32(),
        host: r.string(),
        port: r.int32(),
        error: r.int16(),
        message: r.nullableString(),
      }
      r.tags()
      return coordinator
    })
  },
}
