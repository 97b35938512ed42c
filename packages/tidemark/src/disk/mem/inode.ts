import type { CrashRandom } from './random.ts'

const SECTOR_BYTES = 512

/** A change since the last sync: what it did, and what it takes to undo it. */
interface Change {
  readonly position: number
  /** The new bytes of a write; null for a truncation to `position`. */
  readonly written: Uint8Array | null
  /** What was in the place of the new bytes (shorter at the end of the file), or the bytes cut off. */
  readonly before: Uint8Array
  readonly sizeBefore: number
}

/** The content of a file of a MemDisk, and how it differs from what a crash would surely leave. */
export class Inode {
  size = 0
  #bytes = new Uint8Array(0)
  #changes: Change[] = []
  readonly #tracked: boolean

  constructor(tracked: boolean) {
    this.#tracked = tracked
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.size - position))
    if (count > 0) target.set(this.#bytes.subarray(position, position + count), offset)
    return count
  }

  write(bytes: Uint8Array, position: number): void {
    if (this.#tracked) {
      const before = this.#bytes.slice(Math.min(position, this.size), Math.min(position + bytes.length, this.size))
      this.#changes.push({ position, written: bytes.slice(), before, sizeBefore: this.size })
    }
    this.#put(bytes, position)
  }

  truncate(size: number): void {
    if (this.#tracked) {
      const before = this.#bytes.slice(Math.min(size, this.size), this.size)
      this.#changes.push({ position: size, written: null, before, sizeBefore: this.size })
    }
    this.#resize(size)
  }

  sync(): void {
    this.#changes = []
  }

  /** Loses, keeps or tears each change that was not synced. */
  crash(random: CrashRandom): void {
    const changes = this.#changes
    this.#changes = []
    for (let i = changes.length - 1; i >= 0; i--) this.#undo(changes[i] as Change)
    for (const change of changes) {
      const fate = random.below(3)
      if (fate === 0) continue
      if (change.written === null) this.#resize(change.position)
      else if (fate === 1) this.#put(change.written, change.position)
      else this.#tear(change.written, change.position, random)
    }
  }

  #undo(change: Change): void {
    if (change.written === null) this.#resize(change.sizeBefore)
    this.#put(change.before, Math.min(change.position, change.sizeBefore))
    this.#resize(change.sizeBefore)
  }

  /** Some sectors of the write are there; what was never written reads as zeros. */
  #tear(bytes: Uint8Array, position: number, random: CrashRandom): void {
    let at = 0
    while (at < bytes.length) {
      const end = Math.min(bytes.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES))
      const fate = random.below(4)
      if (fate === 0) this.#resize(Math.max(this.size, position + end))
      else if (fate > 1) this.#put(bytes.subarray(at, end), position + at)
      at = end
    }
  }

  #put(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return
    if (position + bytes.length > this.size) this.#resize(position + bytes.length)
    this.#bytes.set(bytes, position)
  }

  #resize(size: number): void {
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2, 1024))
      grown.set(this.#bytes.subarray(0, this.size))
      this.#bytes = grown
    }
    // Beyond the end there are only zeros, so that growing shows zeros.
    if (size < this.size) this.#bytes.fill(0, size, this.size)
    this.size = size
  }
}
