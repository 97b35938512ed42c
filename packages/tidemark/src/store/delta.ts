import { crc32c } from '../log/crc/crc32c.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { ByteMap } from './byte-map.ts'
import { DELETED, FRESH_DELETION } from './entry-flags.ts'
import { describe, writeDescriptor } from './descriptor.ts'
import type { StoreSpec } from './types.ts'
import type { ValuePolicy } from './value-policy.ts'

/*
 * A delta, the net changes of one commit of a task (numbers are LEB128 varuints unless said otherwise):
 *
 *     u8        format version
 *     id        the checkpoint it leads to
 *     previous  the id of the task's delta before this one (or that its files were at): a gap shows by it
 *     stores    count, then the descriptor of each store of the task
 *     sections  of stores with changes: place of the store in the list + 1, u8 flags (bit 0: entries are sorted), then
 *               entries: key length + 1, key, 0 for a deletion or value length + 1, value. A key length of 0 ends the
 *               section, a store of 0 ends the sections
 *     u32       CRC-32C (big-endian) of all before
 */
export const DELTA_VERSION = 1
const STEP_ENTRIES = 512
const STEP_BYTES = 65_536
const ENTRY_OVERHEAD_BYTES = 12
const PART_BYTES: number = 1024 * 1024

/** The changes of one store. */
export interface StoreChanges {
  readonly spec: StoreSpec
  readonly policy: ValuePolicy
  readonly changes: ByteMap | null
}

/**
 * Encodes the changes of all stores, in steps of less than a millisecond. Deletions of keys that were not there before
 * are left out; null if nothing is left. The result owns its ArrayBuffer, so that it can be transferred.
 */
export function* encodeDelta(
  id: number,
  previous: number,
  stores: readonly StoreChanges[],
): Generator<void, Uint8Array | null> {
  const encoder = new DeltaEncoder(Math.min(PART_BYTES * 2, capacityFor(stores)))
  encoder.header(id, previous, stores)
  for (let place = 0; place < stores.length; place++) {
    const { policy, changes } = stores[place] as StoreChanges
    if (changes !== null) yield* encoder.section(place, policy, changes)
  }
  return encoder.entries === 0 ? null : yield* encoder.finish()
}

function capacityFor(stores: readonly StoreChanges[]): number {
  let bytes = 256
  for (const { changes } of stores) if (changes !== null) bytes += changes.bytes
  return bytes
}

class DeltaEncoder {
  entries = 0
  readonly #out: ByteWriter
  /** What is encoded of a large delta: one buffer for all would have to be found and cleared at once. */
  readonly #parts: Uint8Array[] = []
  #partBytes = 0
  readonly #value = new ByteWriter(256)
  #crc = 0
  #summed = 0

  constructor(capacityBytes: number) {
    this.#out = new ByteWriter(capacityBytes)
  }

  header(id: number, previous: number, stores: readonly StoreChanges[]): void {
    const out = this.#out
    out.u8(DELTA_VERSION)
    out.varuint(id)
    out.varuint(previous)
    out.varuint(stores.length)
    for (const { spec } of stores) writeDescriptor(describe(spec), out)
  }

  *section(place: number, policy: ValuePolicy, changes: ByteMap): Generator<void, void> {
    const out = this.#out
    let begun = false
    let stepEnd = out.position + STEP_BYTES
    let done = 0
    for (let entry = changes.firstEntry; entry >= 0; entry = changes.nextEntry(entry)) {
      const flags = changes.flagsAt(entry)
      if ((flags & FRESH_DELETION) !== FRESH_DELETION) {
        if (!begun) {
          begun = true
          out.varuint(place + 1)
          out.u8(0)
        }
        this.#entry(policy, changes, entry, flags)
      }
      if (++done % STEP_ENTRIES === 0 || out.position > stepEnd) {
        this.#sum()
        if (out.position > PART_BYTES) this.#setAside()
        stepEnd = out.position + STEP_BYTES
        yield
      }
    }
    if (begun) out.varuint(0)
  }

  #entry(policy: ValuePolicy, changes: ByteMap, entry: number, flags: number): void {
    const out = this.#out
    const length = changes.keyLengthAt(entry)
    const start = changes.keyStartAt(entry)
    out.ensure(length + ENTRY_OVERHEAD_BYTES)
    out.varuint(length + 1)
    out.raw(changes.keyChunkAt(entry), start, start + length)
    this.entries++
    if ((flags & DELETED) !== 0) {
      out.varuint(0)
      return
    }
    const value = this.#value
    value.reset()
    policy.encode(changes.valueAt(entry), flags, changes.deadlineAt(entry), value)
    out.varuint(value.position + 1)
    out.raw(value.bytes, 0, value.position)
  }

  #sum(): void {
    this.#crc = crc32c(this.#out.bytes, this.#summed, this.#out.position, this.#crc)
    this.#summed = this.#out.position
  }

  #setAside(): void {
    const part = this.#out.take(PART_BYTES * 2)
    this.#parts.push(part)
    this.#partBytes += part.length
    this.#summed = 0
  }

  *finish(): Generator<void, Uint8Array> {
    const out = this.#out
    out.varuint(0)
    this.#sum()
    out.i32(this.#crc | 0)
    const last = out.take(1)
    if (this.#parts.length === 0) return last.length * 2 < last.buffer.byteLength ? last.slice() : last
    const all = new Uint8Array(this.#partBytes + last.length)
    let at = 0
    for (const part of this.#parts) {
      all.set(part, at)
      at += part.length
      yield
    }
    all.set(last, at)
    return all
  }
}
