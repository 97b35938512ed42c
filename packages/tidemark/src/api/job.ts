import type { Topology } from '../dsl/topology.ts'

/** A job: immutable data, made by `defineJob`. It runs nowhere until `run` or the CLI gets it. */
export interface Job {
  readonly kind: 'job'
  readonly name: string
  readonly topology: Topology
}

// Registered, so that a job of one copy of the package is known to another.
const BRAND = Symbol.for('tidemark.job')

export function makeJob(name: string, topology: Topology): Job {
  return Object.freeze(Object.defineProperty({ kind: 'job' as const, name, topology }, BRAND, { value: true }))
}

/** True for what `defineJob` returned, of this or another copy of the package. */
export function isJob(value: unknown): value is Job {
  return typeof value === 'object' && value !== null && Reflect.get(value, BRAND) === true
}
