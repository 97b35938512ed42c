import { type Disk, readFile } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { ProducerState } from '../log/types.ts'

/** Where a system that keeps the state of tasks itself says what it has of each in the files of a data directory. */
export const COVERED_DIRECTORY = 'covered'

/** The commit that the files of a task have come to, for tools. */
export interface CoveredCommit {
  readonly producer: string
  readonly epoch: number
  readonly meta: string
  /** The checkpoint record, JSON. */
  readonly checkpoint: string
}

/** What tools read of such a file: systems have more in it. */
export interface CoveredState {
  readonly id: number
  /** Wall clock. */
  readonly atMs: number
  readonly commit?: CoveredCommit
}

export function coveredName(lineage: number, task: number): string {
  return `${lineage}-${task}.json`
}

/** The tasks of which a data directory has a copy of the state, with the newest first; one that cannot be read is no copy. */
export function readCovered(disk: Disk, dataDir: string): ProducerState[] {
  const directory = `${dataDir}/${COVERED_DIRECTORY}`
  const found: { readonly atMs: number; readonly state: ProducerState }[] = []
  for (const name of disk.list(directory)) {
    const covered = /^\d+-\d+\.json$/.test(name) ? parse(disk, `${directory}/${name}`) : null
    if (covered?.commit === undefined) continue
    const { id, atMs, commit } = covered
    const { producer, epoch, meta } = commit
    const checkpoint = new TextEncoder().encode(commit.checkpoint)
    found.push({ atMs, state: { producer, epoch, id, checkpoint, meta, flushedId: id } })
  }
  return found.sort((a, b) => b.atMs - a.atMs).map(({ state }) => state)
}

function parse(disk: Disk, path: string): CoveredState | null {
  try {
    return JSON.parse(new TextDecoder().decode(readFile(disk, path))) as CoveredState
  } catch (error) {
    // Removed by the run that has the directory, or no file of ours: what it would tell of is loaded anew.
    if (error instanceof SyntaxError || isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
    throw error
  }
}
