import type { Disk, DiskFile } from '../disk/disk.ts'
import type { Steps } from '../store/types.ts'
import { ByteWriter } from '../serde/byte-writer.ts'

const BUFFER_BYTES = 128 * 1024

/** Appends to a new file through a buffer. */
export class FileOutput {
  readonly #file: DiskFile
  readonly #buffer = new ByteWriter(BUFFER_BYTES + 16 * 1024)
  #written = 0
  #open = true

  constructor(disk: Disk, path: string) {
    this.#file = disk.open(path, 'create')
    try {
      this.#file.truncate(0)
    } catch (error) {
      this.#file.close()
      throw error
    }
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.#written + this.#buffer.position
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    if (end - start >= BUFFER_BYTES) {
      this.#flush()
      this.#file.write(bytes.subarray(start, end), this.#written)
      this.#written += end - start
      return
    }
    this.#buffer.raw(bytes, start, end)
    if (this.#buffer.position >= BUFFER_BYTES) this.#flush()
  }

  #flush(): void {
    if (this.#buffer.position === 0) return
    this.#file.write(this.#buffer.bytes.subarray(0, this.#buffer.position), this.#written)
    this.#written += this.#buffer.position
    this.#buffer.reset()
  }

  /** Makes what was written so far durable, up to the last full buffer. Null when it is, else what to wait for. */
  syncWritten(): Promise<void> | null {
    return this.#file.syncLater()
  }

  /** Writes the rest, makes the file durable and closes it. Its name is durable when the directory was synced. */
  *finish(): Steps {
    this.#flush()
    const wait = this.#file.syncLater()
    if (wait !== null) yield wait
    this.close()
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#file.close()
  }
}
