interface OldValue {
  /** The newest view at the time of the change. */
  readonly version: number
  readonly value: unknown
  readonly flags: number
  readonly older: OldValue | null
}

/** What entries of a map were before they were changed, kept only while views are open. */
export class UndoLog {
  /** Open views. */
  views = 0
  #version = 0
  readonly #old = new Map<number, OldValue>()

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
  save(entry: number, value: unknown, flags: number): void {
    const older = this.#old.get(entry) ?? null
    if (older !== null && older.version === this.#version) return
    this.#old.set(entry, { version: this.#version, value, flags, older })
  }

  /** The entry as the view of this version has to see it; null if it has not changed since. */
  seenBy(version: number, entry: number): OldValue | null {
    let seen: OldValue | null = null
    for (let old = this.#old.get(entry) ?? null; old !== null && old.version >= version; old = old.older) seen = old
    return seen
  }
}
