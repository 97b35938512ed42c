import { TidemarkError } from '../errors/error.ts'
import type { ByteWriter } from './byte-writer.ts'
import { hexOf } from './hex.ts'
import type { Serde } from './serde.ts'
import { uint } from './uint.ts'

/*
 * What versioned stores and lists keep is not only the user's values: a byte 1 and the value, or a byte 0 and, in a
 * versioned store, nothing (the key has no value from then on), or in a list its head, two uints: the position of its
 * first element, as 1 byte of length and the uint, and the position behind its last. A set keeps members in its keys; its
 * values are uints: 0 of a member, of a head the number of members.
 */
const SPECIAL = 0
const VALUE = 1

/** In a versioned store: from here on the key has no value. */
export const NO_VALUE: unique symbol = Symbol('no value')

const HEAD: unique symbol = Symbol('head')

/** Where the elements of a list are: at positions [first, end). Plain, so that it can be frozen; known by its mark. */
export interface ListHead {
  readonly first: number
  readonly end: number
  readonly [HEAD]: true
}

export function listHead(first: number, end: number): ListHead {
  return Object.freeze({ first, end, [HEAD]: true as const })
}

export function isListHead(value: unknown): value is ListHead {
  return typeof value === 'object' && value !== null && HEAD in value
}

/** A serde of what a store keeps for values of the user's own; it goes by the user's serde's name. */
export interface StoredSerde extends Serde<unknown> {
  /** The user's. */
  readonly inner: Serde<unknown>
}

/** The user's serde of a store's values (of a set: its members). */
export function innerSerde(serde: Serde<unknown>): Serde<unknown> {
  return 'inner' in serde ? (serde as StoredSerde).inner : serde
}

/** What a versioned store keeps for values of `inner`: them, or NO_VALUE. */
export function versionSerde(inner: Serde<unknown>): Serde<unknown> {
  return stored(inner, { discipline: inner.discipline, ...wrapped(inner, VERSIONED) })
}

/** What a store of lists keeps for elements of `inner`: them, or a ListHead. */
export function elementSerde(inner: Serde<unknown>): Serde<unknown> {
  return stored(inner, { discipline: inner.discipline, ...wrapped(inner, LIST) })
}

/** What a store of sets keeps for members of `inner`, which are in its keys: numbers. */
export function memberSerde(inner: Serde<unknown>): Serde<unknown> {
  const { write, read, check } = uint() as unknown as Required<Serde<unknown>>
  return stored(inner, { discipline: 'immutable', write, read, check })
}

function stored(
  inner: Serde<unknown>,
  how: Pick<Serde<unknown>, 'discipline' | 'write' | 'read' | 'check'>,
): StoredSerde {
  return Object.freeze({ name: inner.name, version: inner.version, ordered: false, inner, ...how })
}

interface Special {
  is(value: unknown): boolean
  write(value: unknown, out: ByteWriter): void
  read(bytes: Uint8Array, start: number, end: number): unknown
}

const VERSIONED: Special = {
  is: (value) => value === NO_VALUE,
  write: () => {},
  read: (bytes, start, end) => {
    if (start !== end) throw malformed(bytes, start, end)
    return NO_VALUE
  },
}

const LIST: Special = {
  is: isListHead,
  write: (value, out) => {
    const { first, end } = value as ListHead
    const at = out.position
    out.u8(0)
    uint().write(first, out)
    out.bytes[at] = out.position - at - 1
    uint().write(end, out)
  },
  read: (bytes, start, end) => {
    const middle = start + 1 + (bytes[start] as number)
    if (start === end || middle >= end) throw malformed(bytes, start, end)
    return listHead(uint().read(bytes, start + 1, middle), uint().read(bytes, middle, end))
  },
}

function wrapped(inner: Serde<unknown>, special: Special): Pick<Serde<unknown>, 'write' | 'check' | 'read'> {
  const write = (value: unknown, out: ByteWriter): void => {
    if (special.is(value)) {
      out.u8(SPECIAL)
      special.write(value, out)
      return
    }
    out.u8(VALUE)
    inner.write(value, out)
  }
  const check = (value: unknown): void => {
    if (!special.is(value)) inner.check?.(value)
  }
  return {
    write,
    // Without one of its own, values are encoded at `put` instead.
    ...(inner.check === undefined ? {} : { check }),
    read: (bytes, start, end) => {
      const tag = start < end ? bytes[start] : undefined
      if (tag === VALUE) return inner.read(bytes, start + 1, end)
      if (tag !== SPECIAL) throw malformed(bytes, start, end)
      return special.read(bytes, start + 1, end)
    },
  }
}

function malformed(bytes: Uint8Array, start: number, end: number): TidemarkError {
  return new TidemarkError('ERR_SERDE', `not an entry of a versioned store or list: ${hexOf(bytes, start, end)}`)
}
