import {
  COVERED_DIRECTORY,
  type CoveredState,
  coveredName,
  type Disk,
  isTidemarkError,
  nodeDisk,
  readFile,
  replaceFile,
  stateDirectory,
} from 'tidemark/system'

/** Up to where the state files of a task have what the state topic has. They are a cache of it. */
export interface Covered extends CoveredState {
  /** Of the state topic: one that was made anew under the same name is another. */
  readonly topicId: string
  /** Of the commit record of that id: records of later commits follow it. */
  readonly offset: number
}

/** What may be used of local state, and why not. */
export type LocalVerdict = { readonly from: Covered | null; readonly wiped: string | null }

/** What decides whether the files of a task may be gone on from. */
export interface TopicFacts {
  readonly topicId: string
  readonly startOffset: number
  readonly deleteRetentionMs: number
  readonly nowMs: number
}

/**
 * Whether state files may be caught up from the state topic (design/02, "Kafka"): a tombstone that compaction has removed
 * after `delete.retention.ms` would let a deleted key come back, and so would records that are gone. Pure.
 */
export function judge(covered: Covered | null, hasFiles: boolean, facts: TopicFacts): LocalVerdict {
  if (!hasFiles) return { from: null, wiped: null }
  if (covered === null) return { from: null, wiped: 'nothing tells which commits the files have' }
  if (covered.topicId !== facts.topicId)
    return { from: null, wiped: 'the state topic is another one than that of the files' }
  if (covered.offset < facts.startOffset)
    return { from: null, wiped: 'the state topic begins behind what the files have' }
  const ageMs = facts.nowMs - covered.atMs
  if (ageMs > facts.deleteRetentionMs / 2) {
    return { from: null, wiped: 'the files are older than half of delete.retention.ms: deletions since may be gone' }
  }
  return { from: covered, wiped: null }
}

const utf8 = new TextEncoder()

/** The files in the data directory that tell what state files have, one for each task. */
export class CoveredFiles {
  readonly #disk: Disk
  readonly #directory: string

  constructor(dataDir: string, disk: Disk = nodeDisk) {
    this.#disk = disk
    this.#directory = `${dataDir}/${COVERED_DIRECTORY}`
  }

  /** Null when there is none, or it is no such file: then the state files are of no use. */
  read(lineage: number, task: number): Covered | null {
    const path = `${this.#directory}/${coveredName(lineage, task)}`
    try {
      const { topicId, id, offset, atMs } = JSON.parse(new TextDecoder().decode(readFile(this.#disk, path))) as Covered
      const numbers = [id, offset, atMs].every((each) => Number.isSafeInteger(each))
      return numbers && typeof topicId === 'string' ? { topicId, id, offset, atMs } : null
    } catch (error) {
      if (error instanceof SyntaxError || isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
      throw error
    }
  }

  /** To be called once the files have it, durably. */
  write(lineage: number, task: number, covered: Covered): void {
    this.#disk.makeDirectory(this.#directory)
    replaceFile(this.#disk, this.#directory, coveredName(lineage, task), utf8.encode(JSON.stringify(covered)))
  }

  /** From here on the files are of no use, until `write` says what they have. */
  forget(lineage: number, task: number): void {
    const path = `${this.#directory}/${coveredName(lineage, task)}`
    if (!this.#disk.exists(path)) return
    this.#disk.remove(path)
    this.#disk.syncDirectory(this.#directory)
  }

  /** Removes what a task has here, what tells of it first: a crash in between leaves files of no use, not wrong ones. */
  wipe(dataDir: string, lineage: number, task: number): void {
    this.forget(lineage, task)
    this.#disk.host?.removeTree(stateDirectory(dataDir, task, lineage))
  }

  hasFiles(dataDir: string, lineage: number, task: number): boolean {
    return this.#disk.list(stateDirectory(dataDir, task, lineage)).length > 0
  }
}
