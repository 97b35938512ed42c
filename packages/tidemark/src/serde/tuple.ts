import { TidemarkError } from '../errors/error.ts'
import { ByteWriter } from './byte-writer.ts'
import { isDelimited } from './delimited.ts'
import { hexOf, showValue } from './hex.ts'
import type { Discipline, Serde } from './serde.ts'

/*
 * Parts follow each other in order. The last one is written as it is, and so are parts that show their own end (numbers,
 * booleans). Any other part has each byte 0 written as 0 255 and ends with 0 1: so an end sorts before every longer
 * part that starts the same, and the bytes of tuples sort as their parts do.
 */
const ESCAPED = 0xff
const END = 0x01

class TupleSerde implements Serde<readonly unknown[]> {
  readonly name: string
  readonly version = 1
  readonly discipline: Discipline
  readonly ordered: boolean
  readonly #parts: readonly Serde<unknown>[]
  readonly #scratch = new ByteWriter(64)

  constructor(parts: readonly Serde<unknown>[]) {
    this.#parts = parts
    this.name = `tuple(${parts.map((part) => part.name).join(',')})`
    this.discipline = parts.some((part) => part.discipline === 'copied') ? 'copied' : 'frozen'
    this.ordered = parts.every((part) => part.ordered)
  }

  check(value: readonly unknown[]): void {
    this.#assertShape(value)
    this.#parts.forEach((part, i) => {
      if (part.check !== undefined) return part.check(value[i])
      this.#scratch.reset()
      part.write(value[i], this.#scratch)
    })
  }

  #assertShape(value: unknown): void {
    const count = this.#parts.length
    if (Array.isArray(value) && value.length === count) return
    throw new TidemarkError('ERR_SERDE', `${this.name} got ${showValue(value)}: pass an array of ${count}`)
  }

  write(value: readonly unknown[], out: ByteWriter): void {
    const parts = this.#parts
    this.#assertShape(value)
    const last = parts.length - 1
    for (let i = 0; i <= last; i++) {
      const part = parts[i] as Serde<unknown>
      if (i === last || isDelimited(part)) part.write(value[i], out)
      else this.#writeEscaped(part, value[i], out)
    }
  }

  #writeEscaped(part: Serde<unknown>, value: unknown, out: ByteWriter): void {
    const scratch = this.#scratch
    scratch.reset()
    part.write(value, scratch)
    const source = scratch.bytes
    for (let i = 0; i < scratch.position; i++) {
      const byte = source[i] as number
      out.u8(byte)
      if (byte === 0) out.u8(ESCAPED)
    }
    out.u8(0)
    out.u8(END)
  }

  read(bytes: Uint8Array, start: number, end: number): readonly unknown[] {
    const parts = this.#parts
    const last = parts.length - 1
    const values: unknown[] = []
    let at = start
    for (let i = 0; i <= last; i++) {
      const part = parts[i] as Serde<unknown>
      if (i === last) {
        values.push(part.read(bytes, at, end))
      } else if (isDelimited(part)) {
        const next = at + part.measure(bytes, at, end)
        if (next > end) throw this.#malformed(bytes, start, end)
        values.push(part.read(bytes, at, next))
        at = next
      } else {
        at = this.#readEscaped(part, values, bytes, at, start, end)
      }
    }
    return values
  }

  #readEscaped(
    part: Serde<unknown>,
    values: unknown[],
    bytes: Uint8Array,
    from: number,
    start: number,
    end: number,
  ): number {
    const scratch = this.#scratch
    scratch.reset()
    let at = from
    for (;;) {
      if (at >= end) throw this.#malformed(bytes, start, end)
      const byte = bytes[at++] as number
      if (byte !== 0) {
        scratch.u8(byte)
        continue
      }
      const mark = at < end ? bytes[at++] : undefined
      if (mark === END) break
      if (mark !== ESCAPED) throw this.#malformed(bytes, start, end)
      scratch.u8(0)
    }
    values.push(part.read(scratch.bytes, 0, scratch.position))
    return at
  }

  #malformed(bytes: Uint8Array, start: number, end: number): TidemarkError {
    return new TidemarkError('ERR_SERDE', `not a value as ${this.name} writes it: ${hexOf(bytes, start, end)}`)
  }
}

/**
 * A fixed number of parts, each with a serde of its own: `tuple(string(), uint())` keeps `['ada', 3]`. Its bytes sort by
 * the first part, then the second and so on, if all parts are ordered; tuples may hold tuples.
 */
export function tuple<T extends readonly unknown[]>(...parts: { [I in keyof T]: Serde<T[I]> }): Serde<Readonly<T>> {
  if (parts.length === 0) throw new TidemarkError('ERR_OPTION', 'tuple() needs at least one part, as tuple(string())')
  return new TupleSerde(parts) as unknown as Serde<Readonly<T>>
}
