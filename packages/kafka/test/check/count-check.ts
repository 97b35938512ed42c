import { ordered, type Finding, tooMany } from './finding.ts'

/** One input record of a job that adds amounts up by key; a count has the amount 1. */
export interface Addition {
  readonly key: string
  /** Positive, so that every record changes the total. */
  readonly amount: number
}

/** One output record of such a job, read committed: the total of a key after some input. In the order of the partition. */
export interface Total {
  readonly key: string
  readonly total: number
  readonly partition: number
}

/**
 * How often the job writes a total: after `every` record, or now and then but at the end the `latest` one (a commit that
 * writes what has changed since the last).
 */
export type Emits = 'every' | 'latest'

/**
 * Exactly once, for a job that adds up by key: compares what it wrote with what the input gives. The input has the records
 * of each key in the order of their partition. Finds input that was lost or taken twice (the last total is off), outputs
 * that are missing or there twice, totals in the wrong order, totals that no run without a fault could have written, and
 * keys that were never put in or are in two partitions. Empty if all is well.
 */
export function checkTotals(input: readonly Addition[], output: readonly Total[], emits: Emits): Finding[] {
  const expected = expectedTotals(input)
  const actual = new Map<string, Total[]>()
  for (const each of output) {
    const list = actual.get(each.key)
    if (list === undefined) actual.set(each.key, [each])
    else list.push(each)
  }
  const findings: Finding[] = []
  for (const [key, totals] of expected) {
    findings.push(...checkKey(key, totals, actual.get(key) ?? [], emits))
    if (tooMany(findings)) return findings
  }
  for (const [key, totals] of actual) {
    if (expected.has(key)) continue
    findings.push({ kind: 'foreign', key, what: `${totals.length} outputs, but the input has no such key` })
  }
  return findings
}

/** The totals of each key after each of its records. */
function expectedTotals(input: readonly Addition[]): Map<string, number[]> {
  const totals = new Map<string, number[]>()
  for (const { key, amount } of input) {
    if (!(amount > 0)) throw new Error(`the amount ${amount} of ${key} is not positive: its output could not be told`)
    const list = totals.get(key)
    if (list === undefined) totals.set(key, [amount])
    else list.push((list.at(-1) ?? 0) + amount)
  }
  return totals
}

function checkKey(key: string, expected: readonly number[], actual: readonly Total[], emits: Emits): Finding[] {
  const findings: Finding[] = []
  const add = (kind: Finding['kind'], what: string): void => void findings.push({ kind, key, what })
  if (new Set(actual.map(({ partition }) => partition)).size > 1) add('split', 'its outputs are in several partitions')
  const totals = actual.map(({ total }) => total)
  const most = totals.reduce((a, b) => Math.max(a, b), 0)
  const end = expected.at(-1) ?? 0
  if (most > end) add('duplicate', `a total of ${most}, but the input adds up to ${end}: records were taken twice`)
  else if (most < end) add('loss', `the totals end at ${most}, but the input adds up to ${end}`)
  const wanted = new Set(expected)
  const seen = new Set<number>()
  for (const total of totals) {
    if (seen.has(total)) add('duplicate', `the total ${total} is there twice`)
    seen.add(total)
    // Of a total beyond the end it was said already what is wrong.
    if (!wanted.has(total) && total < end) add('wrong', `the total ${total} follows from no order of whole records`)
  }
  if (emits === 'every') {
    const missing = expected.filter((total) => !seen.has(total))
    if (missing.length > 0) add('loss', `${missing.length} totals are missing, the first is ${missing[0]}`)
  }
  if (!ordered(totals)) add('order', `its totals do not grow: ${totals.slice(0, 20).join(', ')}`)
  return findings
}
