import type { StoreSpec } from '../store/types.ts'

/** A store as the job names it, untyped: KvDef and WindowsDef add the types. */
export interface StoreDef extends StoreSpec {
  readonly of: 'store'
}
