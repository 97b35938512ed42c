import type { Disk } from '../disk/disk.ts'
import { FileObjects } from './file-objects.ts'
import { decodeFramed, encodeFramed, type FrameKind } from './framed-file.ts'
import type { ObjectStore } from './object-store.ts'
import { SAVEPOINT_NAME, taskPrefix } from './savepoint-format.ts'
import { notVacant } from './savepoint-write.ts'

/** Says that a savepoint is being made here of another one, or was and was cut off. */
const CLAIM = 'rescaling'
const KIND: FrameKind = { kind: 'rescaling', version: 1 }
const WORK = 'work'

interface ClaimNote {
  /** Unique: whose it is. */
  readonly nonce: string
  /** For how many tasks there may be files. */
  readonly tasks: number
}

/** Where a rescaled savepoint is being made, and where its files are until then. */
export class RescalePlace {
  /** A directory for files on their way. */
  readonly work: string
  readonly #disk: Disk
  readonly #to: ObjectStore
  readonly #nonce: string

  constructor(options: {
    readonly disk: Disk
    readonly to: ObjectStore
    readonly nonce: string
    /** Used where `to` is no directory. */
    readonly workDirectory: string
  }) {
    this.#disk = options.disk
    this.#to = options.to
    this.#nonce = options.nonce
    // In the same file system, so that files are linked.
    this.work = options.to instanceof FileObjects ? `${options.to.where}/${WORK}` : options.workDirectory
  }

  /** Takes the place: an empty one, or what an attempt that was cut off has left. ERR_SAVEPOINT_EXISTS otherwise. */
  async claim(tasks: number): Promise<void> {
    const to = this.#to
    const names = (await to.list('')).filter((name) => name !== `${CLAIM}.tmp`)
    if (names.length > 0) {
      const left = await this.#claimed()
      if (left === null || names.includes(SAVEPOINT_NAME)) throw notVacant(to)
      await this.#clear(left.tasks)
    }
    const note: ClaimNote = { nonce: this.#nonce, tasks }
    await to.put(CLAIM, { kind: 'bytes', bytes: encodeFramed(KIND, note) })
    // Of an attempt that was cut off.
    this.#removeWork()
  }

  async #claimed(): Promise<ClaimNote | null> {
    const bytes = await this.#to.get(CLAIM)
    return bytes === null ? null : (decodeFramed(KIND, bytes, `${this.#to.where}/${CLAIM}`) as ClaimNote)
  }

  /** ERR_SAVEPOINT_EXISTS when somebody else makes one here. */
  async assertOwn(): Promise<void> {
    if ((await this.#claimed())?.nonce !== this.#nonce) throw notVacant(this.#to)
  }

  /** The savepoint is complete: what is no part of it goes. */
  async release(): Promise<void> {
    this.#removeWork()
    await this.#to.delete(CLAIM)
  }

  /** There is no savepoint: all of it goes, unless it is another's by now. */
  async abandon(tasks: number): Promise<void> {
    this.#removeWork()
    if ((await this.#claimed())?.nonce !== this.#nonce || (await this.#to.size(SAVEPOINT_NAME)) !== null) return
    await this.#clear(tasks)
    await this.#to.delete(CLAIM)
  }

  async #clear(tasks: number): Promise<void> {
    for (let task = 0; task < tasks; task++) {
      for (const name of await this.#to.list(taskPrefix(task))) await this.#to.delete(name)
    }
    if (!(this.#to instanceof FileObjects)) return
    for (let task = 0; task < tasks; task++) this.#disk.host?.removeTree(`${this.#to.where}/${taskPrefix(task)}`)
    this.#disk.host?.removeTree(`${this.#to.where}/tasks`)
  }

  #removeWork(): void {
    this.#disk.host?.removeTree(this.work)
  }
}
