import type { Delivery } from './app.ts'
import type { SystemHost } from '../log/types.ts'

/** What a system is opened for: one run of one job. */
export interface SystemContext {
  readonly job: string
  /** The data directory. */
  readonly directory: string
  /** Streams that the job reads and writes, intermediate ones aside. */
  readonly streams: readonly string[]
  /** Of these, those that it writes: outputs and streams for dead letters. */
  readonly outputs: readonly string[]
  /** Partitions of a stream that has to be made and declares none. */
  readonly partitions: number
  /** Largest value of a store, encoded. */
  readonly maxValueBytes: number
  readonly delivery: Delivery
  /** A commit takes no longer than this, or fails. */
  readonly commitTimeoutMs: number
  readonly onWarning: (text: string) => void
  /** Aborts when the run is not to begin any more: a system that waits for its turn gives up. */
  readonly signal: AbortSignal | null
}

/** A system where streams live, other than the embedded log. Packages make them: `kafka` of @tidemark/kafka. */
export interface System {
  readonly name: string
  /** URL of the module that threads open their ports by: they load it while the run opens the system, or waits for its turn. */
  readonly portModule?: string
  open(context: SystemContext): Promise<SystemHost>
}
