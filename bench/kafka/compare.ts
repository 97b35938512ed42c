import type { SideResult } from './kafka-streams.ts'

/** Records a second of each side, medians of the rounds, and ours as a multiple. */
export interface Comparison {
  readonly case: string
  readonly threads: number
  readonly records: number
  readonly peer: Rates | null
  readonly own: Rates | null
  /** Medians of the ratios of single rounds; null without both sides. */
  readonly wallRatio: number | null
  readonly cpuRatio: number | null
}

export interface Rates {
  readonly perSecond: number
  readonly perCpuSecond: number
}

/** One round: both sides over the same input, one right after the other. */
export interface Round {
  readonly peer: SideResult | null
  readonly own: SideResult | null
}

export function compare(name: string, threads: number, rounds: readonly Round[]): Comparison {
  const peers = rounds.flatMap(({ peer }) => (peer === null ? [] : [peer]))
  const owns = rounds.flatMap(({ own }) => (own === null ? [] : [own]))
  const both = rounds.flatMap(({ peer, own }) => (peer === null || own === null ? [] : [{ peer, own }]))
  const ratio = (of: (side: SideResult) => number): number | null =>
    both.length === 0 ? null : median(both.map(({ peer, own }) => of(own) / of(peer)))
  return {
    case: name,
    threads,
    records: (peers[0] ?? owns[0])?.records ?? 0,
    peer: rates(peers),
    own: rates(owns),
    wallRatio: ratio((side) => side.records / side.seconds),
    cpuRatio: ratio((side) => side.records / side.cpuSeconds),
  }
}

function rates(sides: readonly SideResult[]): Rates | null {
  if (sides.length === 0) return null
  const perSecond = median(sides.map(({ records, seconds }) => records / seconds))
  return { perSecond, perCpuSecond: median(sides.map(({ records, cpuSeconds }) => records / cpuSeconds)) }
}

/** The middle one; of an even number, the lower of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  if (middle === undefined) throw new Error('no median of nothing')
  return middle
}

const thousands = (rate: number): string => `${(rate / 1000).toFixed(0)} k`.padStart(8)

/** A line for people. */
export function describe({ case: name, threads, peer, own, wallRatio, cpuRatio }: Comparison): string {
  const side = (rate: Rates | null): string =>
    rate === null ? '       -        -' : `${thousands(rate.perSecond)} ${thousands(rate.perCpuSecond)}`
  const times = (ratio: number | null): string => (ratio === null ? '-' : `${ratio.toFixed(1)}x`).padStart(7)
  return `${name.padEnd(22)} ${threads} ${side(peer)}  ${side(own)} ${times(wallRatio)} ${times(cpuRatio)}`
}

export const HEADING = `${'records/s'.padEnd(22)} t ${'Kafka Streams'.padStart(8)}  per CPU s  Tidemark  per CPU s   wall    CPU`
