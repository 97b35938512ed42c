import { LEVELDB } from './leveldb.ts'
import { LMDB } from './lmdb.ts'
import type { NativeEngine, NativeEngineName } from './native.ts'
import { ROCKSDB } from './rocksdb.ts'

const ENGINES: Readonly<Record<NativeEngineName, NativeEngine>> = { rocksdb: ROCKSDB, leveldb: LEVELDB, lmdb: LMDB }

/** An engine on a native package, by name. Nothing of the package is loaded until it opens a database. */
export function nativeEngine(name: NativeEngineName): NativeEngine {
  return ENGINES[name]
}
