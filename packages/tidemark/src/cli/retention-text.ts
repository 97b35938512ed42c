import type { CheckpointTier } from '../api/app.ts'
import { type Duration, durationMs, showDuration } from '../api/duration.ts'
import { isTidemarkError } from '../errors/error.ts'

/** Retention as text: `1m for 1h, 1h for 1d`, or `none`. Undefined for what cannot be read as that. */
export function parseRetention(text: string): readonly CheckpointTier[] | undefined {
  if (text.trim() === 'none') return []
  const tiers: CheckpointTier[] = []
  for (const part of text.split(',')) {
    const [period, span, ...rest] = part.trim().split(/\s+for\s+|\//)
    if (period === undefined || span === undefined || rest.length > 0) return undefined
    try {
      const tier = { periodMs: durationMs(period as Duration, 'period'), forMs: durationMs(span as Duration, 'span') }
      if (tier.periodMs < 1 || tier.forMs < 1) return undefined
      tiers.push(tier)
    } catch (error) {
      if (isTidemarkError(error, 'ERR_DURATION')) return undefined
      throw error
    }
  }
  return tiers
}

export function showRetention(tiers: readonly CheckpointTier[]): string {
  if (tiers.length === 0) return 'none'
  return tiers.map(({ periodMs, forMs }) => `${showDuration(periodMs)} for ${showDuration(forMs)}`).join(', ')
}
