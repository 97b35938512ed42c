/** A storage engine: one of Tidemark's, or the name of one that was registered by `registerEngine`. */
export type EngineName = 'lsm' | 'memory' | 'rocksdb' | 'leveldb' | 'lmdb' | (string & {})
