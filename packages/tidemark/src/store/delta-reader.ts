import { TidemarkError, isTidemarkError } from '../errors/error.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import type { StoredDelta } from '../log/types.ts'
import { ByteReader } from '../serde/byte-reader.ts'
import { DELTA_VERSION } from './delta.ts'
import { readDescriptor } from './descriptor.ts'
import type { StoreDescriptor } from './types.ts'

const CRC_BYTES = 4

/** Gets the entries of a delta, in the order they were written; bytes are valid during the call only. */
export interface DeltaVisitor {
  /** The entries that follow are of this store. */
  store(descriptor: StoreDescriptor): void
  /** `valueStart` is -1 for a deletion. */
  entry(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void
}

/** A delta whose checksum and header are checked. Damage throws ERR_STATE_CORRUPT that names task and delta. */
export class DeltaReader {
  readonly id: number
  readonly previous: number
  readonly descriptors: readonly StoreDescriptor[]
  readonly #task: string
  readonly #bytes: Uint8Array
  readonly #body: number

  constructor(task: string, delta: StoredDelta) {
    this.#task = task
    this.id = delta.id
    const bytes = delta.bytes
    this.#bytes = bytes
    const end = bytes.length - CRC_BYTES
    if (end < 1 || crc32c(bytes, 0, end) !== new ByteReader(bytes, end).i32() >>> 0) {
      throw this.#corrupt('its checksum does not match')
    }
    const header = this.#guarded(() => this.#readHeader(new ByteReader(bytes, 0, end)))
    this.previous = header.previous
    this.descriptors = header.descriptors
    this.#body = header.body
  }

  #readHeader(from: ByteReader): { previous: number; descriptors: StoreDescriptor[]; body: number } {
    const version = from.u8()
    if (version !== DELTA_VERSION) {
      throw this.#corrupt(`its format is version ${version}, and this Tidemark reads version ${DELTA_VERSION}`)
    }
    const id = from.varuint()
    if (id !== this.id) throw this.#corrupt(`it says that it is delta ${id}`)
    const previous = from.varuint()
    const descriptors: StoreDescriptor[] = []
    for (let left = from.varuint(); left > 0; left--) {
      const descriptor = readDescriptor(from)
      if (descriptor === undefined) throw this.#corrupt('a store descriptor is malformed')
      descriptors.push(descriptor)
    }
    return { previous, descriptors, body: from.position }
  }

  /** Visits all entries. */
  visit(visitor: DeltaVisitor): void {
    this.#guarded(() => this.#visit(visitor))
  }

  #visit(visitor: DeltaVisitor): void {
    const bytes = this.#bytes
    const from = new ByteReader(bytes, this.#body, bytes.length - CRC_BYTES)
    for (let place = from.varuint(); place !== 0; place = from.varuint()) {
      const descriptor = this.descriptors[place - 1]
      if (descriptor === undefined) throw this.#corrupt('a section is of no store')
      from.u8()
      visitor.store(descriptor)
      for (let length = from.varuint(); length !== 0; length = from.varuint()) {
        const keyStart = from.position
        const keyEnd = keyStart + length - 1
        from.position = keyEnd
        const valueLength = from.varuint()
        const valueStart = from.position
        if (valueLength !== 0) from.position = valueStart + valueLength - 1
        if (from.remaining < 0) throw this.#corrupt('an entry goes past its end')
        visitor.entry(bytes, keyStart, keyEnd, valueLength === 0 ? -1 : valueStart, from.position)
      }
    }
  }

  /** Reading past the end is damage of this delta; a value that its serde refuses is the serde's own error. */
  #guarded<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (isTidemarkError(error, 'ERR_SERDE') && error.details['store'] === undefined) {
        throw this.#corrupt(error.message)
      }
      throw error
    }
  }

  #corrupt(why: string): TidemarkError {
    return new TidemarkError(
      'ERR_STATE_CORRUPT',
      `delta ${this.id} of task ${this.#task} is damaged: ${why}. Restore the log from a copy, or the task from a checkpoint`,
      { details: { task: this.#task, delta: this.id } },
    )
  }
}
