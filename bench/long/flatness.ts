import { STALL_FILES } from '../../packages/tidemark/src/lsm/plan-merge.ts'
import { median, type Sample } from './samples.ts'

export interface FlatnessLimits {
  /** Bytes of files for each byte of live keys and values, while no merge is in flight. */
  readonly space: number
  /** Medians of the last third against those of the middle third. */
  readonly memory: number
  readonly latency: number
}

/** `space` is the goal; the others leave room for what else a machine does in half an hour. */
export const LIMITS: FlatnessLimits = { space: 2, memory: 1.2, latency: 1.5 }

/** One statement about a run. */
export interface Verdict {
  readonly what: string
  readonly value: number
  readonly limit: number
  readonly holds: boolean
}

/** What a merge of all adds for each live byte: its result, and what is flushed until it is done. */
const IN_FLIGHT = 1.5
/** Of the rate of the middle third, the least that the last may have; what a busy machine delays is caught up with. */
const LEAST_RATE = 0.9
/** Stalls by merges that are behind. */
const MOST_STALLED = 0.01
/** Fewer samples than this in a third say nothing. */
const FEWEST = 3

/**
 * Whether a run was steady: the first third, in which caches fill, does not count, the last is held against the middle one.
 */
export function judge(samples: readonly Sample[], limits: FlatnessLimits = LIMITS): Verdict[] {
  const third = Math.floor(samples.length / 3)
  if (third < FEWEST) throw new Error(`${samples.length} samples are too few: a run has at least ${3 * FEWEST}`)
  const middle = samples.slice(third, 2 * third)
  const last = samples.slice(2 * third)
  const at = (name: keyof Sample, of: readonly Sample[]): number[] => of.map((sample) => sample[name])
  const most = (name: keyof Sample, of: readonly Sample[]): number => Math.max(0, ...at(name, of))
  const idle = samples.filter((sample) => sample.compactionsRunning === 0)
  const verdicts = [
    bound('space factor without merges in flight, at most', most('spaceFactor', idle), limits.space),
    bound(
      'bytes on disk with merges in flight for each live byte, at most',
      most('diskFactor', samples),
      limits.space + IN_FLIGHT,
    ),
    bound('files, at most', most('files', samples), STALL_FILES),
  ]
  for (const [name, limit] of [
    ['rssBytes', limits.memory],
    ['heapBytes', limits.memory],
    ['externalBytes', limits.memory],
    ['layerBytes', limits.memory],
    ['readP99Us', limits.latency],
    ['writeP99Us', limits.latency],
    ['spaceFactor', limits.memory],
  ] as const) {
    verdicts.push(
      bound(`${name}, last third / middle third`, ratio(median(at(name, last)), median(at(name, middle))), limit),
    )
  }
  const rate = mean(at('operationsPerSecond', last)) / mean(at('operationsPerSecond', middle))
  verdicts.push({
    what: 'operations a second, last third / middle third',
    value: rate,
    limit: LEAST_RATE,
    holds: rate >= LEAST_RATE,
  })
  const stalled = mean(at('stalledMs', samples)) / (1000 * mean(intervals(at('seconds', samples))))
  verdicts.push(bound('part of the time that the state took no operations', stalled, MOST_STALLED))
  return verdicts
}

function bound(what: string, value: number, limit: number): Verdict {
  return { what, value, limit, holds: value <= limit }
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}

function intervals(seconds: readonly number[]): number[] {
  return seconds.map((at, i) => at - (seconds[i - 1] ?? 0))
}

/** 1 if both are nothing, as in a simulation without time. */
function ratio(a: number, b: number): number {
  return a === b ? 1 : a / b
}

export function formatVerdict({ what, value, limit, holds }: Verdict): string {
  return `${holds ? 'ok  ' : 'FAIL'} ${what}: ${value.toFixed(2)} (limit ${limit})`
}
