import type { RetryPolicy } from '../api/remote-policy.ts'

/**
 * How long to wait after the attempt of this number (from 1) has failed, ms: exponential, at most `maxMs`, and of that the
 * part `jitter` by chance, so that those who failed together do not come back together.
 */
export function backoffMs(
  { baseMs, maxMs, jitter }: Pick<RetryPolicy, 'baseMs' | 'maxMs' | 'jitter'>,
  failed: number,
  random: () => number,
): number {
  // 2^40 times any base is beyond any limit, and still a number.
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(failed - 1, 40))
  return Math.round(full * (1 - jitter * random()))
}
