import type { Compactor } from '../../packages/tidemark/src/lsm/compaction.ts'

export type Print = (line: string) => void

/** What all figures of a run share. */
export interface Compaction {
  readonly compactor: Compactor
  readonly cacheBytes: number
}

/** A line with a ratio first, then what it is of; the goal is the most that it should be. */
export function ratio(name: string, value: number, against: number, unit: string, goal: number | null): string {
  const quotient = against === 0 ? Number.NaN : value / against
  const judged = goal === null ? '' : quotient <= goal ? `, goal ${goal}: met` : `, goal ${goal}: MISSED`
  return `${name}: ${quotient.toFixed(2)}  (${number(value)} ${unit} / ${number(against)} ${unit}${judged})`
}

/** A line with a number against its goal. */
export function bounded(name: string, value: number, goal: number, unit: string): string {
  return `${name}: ${number(value)} ${unit} of at most ${number(goal)} ${unit}, ratio ${(value / goal).toFixed(2)}: ${value <= goal ? 'met' : 'MISSED'}`
}

export function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 2 : 3
  return value.toFixed(digits)
}

export const MIB: number = 1024 * 1024
