const LANES = 16

/**
 * Does the work for each item, some at a time; results in order of the items. Rejects with the first error, once nothing is
 * under way any more.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  lanes: number = LANES,
): Promise<R[]> {
  const results = Array.from<R>({ length: items.length })
  const waiting = items.entries()
  let failed = false
  const lane = async (): Promise<void> => {
    for (const [index, item] of waiting) {
      if (failed) return
      try {
        results[index] = await work(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(lanes, items.length) }, lane))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  return results
}
