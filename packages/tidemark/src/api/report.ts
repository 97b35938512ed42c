import type { StoreReader } from './app.ts'
import type { StoreDef } from './store-def.ts'

/**
 * What a job module's exported `report` function gets: the committed state of the job, as the run left it.
 *
 *     export async function report(reader: ReportReader): Promise<string> { ... }
 *
 * `tidemark run` prints the string it returns when a run ends by itself or by drain (not with --json).
 */
export interface ReportReader {
  /** Throws ERR_UNKNOWN_STORE if the job has no such store. */
  store(store: StoreDef): StoreReader
}

/** The form of a job module's exported `report`. */
export type ReportFunction = (reader: ReportReader) => string | Promise<string>
