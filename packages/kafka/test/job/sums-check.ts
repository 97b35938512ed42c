import { type Addition, checkTotals, type Total } from '../check/count-check.ts'
import { expectNoFindings } from '../check/finding.ts'

export type { Addition } from '../check/count-check.ts'

/**
 * As checkTotals of the sums job, which writes a total for every payment. Payments of one user come from several partitions,
 * so the order in which they are added is free: of each user the totals must rise, one for each payment, to the sum of all.
 */
export function checkSums(sent: readonly Addition[], totals: readonly Total[]): void {
  const latest = new Map<string, { readonly counts: number; readonly total: number }>()
  for (const { key, total } of totals) {
    const before = latest.get(key) ?? { counts: 0, total: 0 }
    if (!(total > before.total && total - before.total <= 9)) {
      throw new Error(`totals of ${key} go from ${before.total} to ${total}`)
    }
    latest.set(key, { counts: before.counts + 1, total })
  }
  // One addition of all for each key: what checkTotals expects of the last total, whatever the order.
  const sums = new Map<string, { counts: number; total: number }>()
  for (const { key, amount } of sent) {
    const sum = sums.get(key) ?? { counts: 0, total: 0 }
    sum.counts++
    sum.total += amount
    sums.set(key, sum)
  }
  for (const [key, { counts }] of sums) {
    if (latest.get(key)?.counts !== counts) {
      throw new Error(`${key} has ${latest.get(key)?.counts ?? 0} totals for ${counts} payments`)
    }
  }
  const wanted = [...sums].map(([key, { total }]) => ({ key, amount: total }))
  const partitions = new Map(totals.map(({ key, partition }) => [key, partition]))
  const found = [...latest].map(([key, { total }]) => ({ key, total, partition: partitions.get(key) ?? -1 }))
  expectNoFindings(checkTotals(wanted, found, 'every'))
}
