import { ordered, type Finding, tooMany } from './finding.ts'

/** A record with a name of its own, which a job passes on: in the order of its partition. */
export interface Passed {
  readonly key: string
  /** Unique in the input. */
  readonly id: string
  readonly partition: number
}

/**
 * Exactly once, for a job that passes records on: each record of the input is in the output once, those of a key in one
 * partition and in the order in which they were put in, and nothing else is. Empty if all is well.
 */
export function checkCopies(input: readonly Omit<Passed, 'partition'>[], output: readonly Passed[]): Finding[] {
  const findings: Finding[] = []
  const places = new Map<string, { readonly key: string; readonly at: number; times: number }>()
  for (const [at, { id, key }] of input.entries()) {
    if (places.has(id)) throw new Error(`the input has the id ${id} twice: its output could not be told`)
    places.set(id, { key, at, times: 0 })
  }
  const byKey = new Map<string, { readonly order: number[]; readonly partitions: Set<number> }>()
  for (const { id, key, partition } of output) {
    const place = places.get(id)
    if (place === undefined || place.key !== key) {
      const what = place === undefined ? 'was never put in' : `was put in with the key ${place.key}`
      findings.push({ kind: 'foreign', key, what: `${id} ${what}` })
      continue
    }
    if (++place.times > 1) findings.push({ kind: 'duplicate', key, what: `${id} is there ${place.times} times` })
    const of = byKey.get(key) ?? { order: [], partitions: new Set() }
    byKey.set(key, of)
    of.order.push(place.at)
    of.partitions.add(partition)
    if (tooMany(findings)) return findings
  }
  for (const [id, { key, times }] of places) {
    if (times === 0) findings.push({ kind: 'loss', key, what: `${id} is missing` })
    if (tooMany(findings)) return findings
  }
  for (const [key, { order, partitions }] of byKey) {
    if (!ordered(order))
      findings.push({ kind: 'order', key, what: 'its records are in another order than in the input' })
    if (partitions.size > 1) findings.push({ kind: 'split', key, what: 'its records are in several partitions' })
  }
  return findings
}
