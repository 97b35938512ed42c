import { TidemarkError } from '../errors/error.ts'
import { className } from './hex.ts'

const NODE_BYTES = 24
const MEMBER_BYTES = 16
const MAX_DEPTH = 1000

/**
 * Freezes plain objects and arrays to the bottom and returns about how many bytes they take. Members that are frozen
 * already are still looked into, once each, since their own members may not be. ERR_SERDE for what cannot be frozen
 * (bytes, class instances, functions) and for values nested deeper than 1000.
 */
export function deepFreeze(value: object): number {
  return freeze(value, 0)
}

function freeze(value: object, depth: number): number {
  if (depth > MAX_DEPTH) {
    throw new TidemarkError('ERR_SERDE', `a value is nested deeper than ${MAX_DEPTH} levels, or contains itself`)
  }
  if (Array.isArray(value)) return freezeArray(value, depth)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) assertPlain(value, prototype)
  const record = value as Readonly<Record<string, unknown>>
  let bytes = NODE_BYTES
  for (const name in record) bytes += MEMBER_BYTES + sizeOf(record[name], depth)
  Object.freeze(value)
  return bytes
}

function freezeArray(value: readonly unknown[], depth: number): number {
  let bytes = NODE_BYTES
  for (let i = 0; i < value.length; i++) bytes += 8 + sizeOf(value[i], depth)
  Object.freeze(value)
  return bytes
}

function sizeOf(member: unknown, depth: number): number {
  if (typeof member === 'object' && member !== null) return freeze(member, depth + 1)
  if (typeof member === 'string') return member.length
  if (typeof member === 'function') throw unfreezable('a function')
  return 0
}

function assertPlain(value: object, prototype: unknown): void {
  // A plain object of another realm: its prototype has no prototype.
  if (Object.getPrototypeOf(prototype) === null) return
  throw unfreezable(`an object of class ${className(value)}`)
}

function unfreezable(what: string): TidemarkError {
  return new TidemarkError('ERR_SERDE', `a value holds ${what}: only plain objects and arrays can be frozen`)
}

/** A copy of a plain value that may be changed: objects and arrays are new to the bottom, the rest is shared. */
export function deepThaw(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const source: readonly unknown[] = value
    const copy: unknown[] = []
    for (let i = 0; i < source.length; i++) copy.push(deepThaw(source[i]))
    return copy
  }
  const copy: Record<string, unknown> = { ...value }
  for (const name in copy) {
    const member = copy[name]
    if (typeof member === 'object' && member !== null) copy[name] = deepThaw(member)
  }
  return copy
}
