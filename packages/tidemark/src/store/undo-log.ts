interface OldValue {
  /** The newest view at the time of the change. */
  readonly version: number
  readonly value: unknown
  readonly flags: number
  readonly deadlineMs: number
  readonly older: OldValue | null
}

/** Entries of one part: a Map of all would stop the thread when it grows. */
const PART_SHIFT = 15

/** What entries of a map were before they were changed, kept only while views are open. */
export class UndoLog {
  /** Open views. */
  views = 0
  #version = 0
  readonly #old = new Map<number, Map<number, OldValue>>()

  /** Opens a view; returns its version. */
  open(): number {
    this.views++
    this.#version++
    return this.#version
  }

  close(): void {
    this.views--
    if (this.views === 0) this.#old.clear()
  }

  /** Keeps the value of an entry that is about to change, once for each newest view. */
  save(entry: number, value: unknown, flags: number, deadlineMs: number): void {
    let part = this.#old.get(entry >>> PART_SHIFT)
    if (part === undefined) {
      part = new Map()
      this.#old.set(entry >>> PART_SHIFT, part)
    }
    const older = part.get(entry) ?? null
    if (older !== null && older.version === this.#version) return
    part.set(entry, { version: this.#version, value, flags, deadlineMs, older })
  }

  /** The entry as the view of this version has to see it; null if it has not changed since. */
  seenBy(version: number, entry: number): OldValue | null {
    if (this.#old.size === 0) return null
    let seen: OldValue | null = null
    let old = this.#old.get(entry >>> PART_SHIFT)?.get(entry) ?? null
    for (; old !== null && old.version >= version; old = old.older) seen = old
    return seen
  }
}
