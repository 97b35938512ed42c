import { COVERED_DIRECTORY, readCovered } from '../checkpoint/covered-state.ts'
import { parseTaskProducer } from '../checkpoint/lineage.ts'
import type { Disk } from '../disk/disk.ts'
import type { ProcessTable } from '../disk/process-table.ts'
import { readFormat } from '../log/embedded/format-file.ts'
import { lockHolder } from '../log/embedded/lock.ts'
import type { ProducerState, StoredDelta, StreamInfo } from '../log/types.ts'

/** What is known of a job beside the files of its state: of the log of a data directory, or of another system's copy. */
export interface StateView {
  readonly job: string | null
  /** True: the newest commits are with the system, and what is said of tasks is as of their files. */
  readonly isCopy?: boolean
  /** The number of the lineage whose state it is; missing: the data directory says so. */
  readonly lineage?: number
  ownerPid(): number | null
  producers(): ProducerState[]
  deltas(producer: string, afterId: number): StoredDelta[]
  streams(): StreamInfo[]
  stream(name: string): StreamInfo | undefined
  refresh(): void
}

/** Whether a data directory has no log, but a copy of the state that a system of the job keeps. */
export function isCopy(disk: Disk, dataDir: string): boolean {
  return disk.exists(`${dataDir}/${COVERED_DIRECTORY}`) && readFormat(disk, dataDir) === null
}

/** The state in a data directory of a job that runs on a system of its own. */
export class CopyView implements StateView {
  readonly isCopy = true
  readonly #disk: Disk
  readonly #dataDir: string
  readonly #processes: ProcessTable
  #tasks: ProducerState[] = []

  constructor(disk: Disk, dataDir: string, processes: ProcessTable) {
    this.#disk = disk
    this.#dataDir = dataDir
    this.#processes = processes
    this.refresh()
  }

  get job(): string | null {
    return this.#newest?.job ?? null
  }

  get lineage(): number {
    return this.#newest?.lineage ?? 1
  }

  get #newest(): { readonly job: string; readonly lineage: number } | null {
    return parseTaskProducer(this.#tasks[0]?.producer ?? '')
  }

  ownerPid(): number | null {
    return lockHolder(this.#disk, this.#dataDir, this.#processes)
  }

  producers(): ProducerState[] {
    return [...this.#tasks]
  }

  deltas(): StoredDelta[] {
    return []
  }

  streams(): StreamInfo[] {
    return []
  }

  stream(): undefined {
    return undefined
  }

  refresh(): void {
    this.#tasks = readCovered(this.#disk, this.#dataDir)
  }
}
