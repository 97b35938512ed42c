import { type Duration, durationMs, positiveDurationMs } from './duration.ts'

/** How a windowed aggregate cuts event time (see `tumbling`). */
export interface WindowDef {
  readonly kind: 'tumbling'
  readonly sizeMs: number
  readonly graceMs: number
  /** How long after a window's end, by the watermark, it still takes late messages (default 0). */
  grace(duration: Duration): WindowDef
}

/** Windows of one size that follow each other without gaps, aligned to 1970-01-01 UTC. Errors: ERR_DURATION. */
export function tumbling(size: Duration): WindowDef {
  return makeTumbling(positiveDurationMs(size, 'tumbling'), 0)
}

function makeTumbling(sizeMs: number, graceMs: number): WindowDef {
  return Object.freeze({
    kind: 'tumbling' as const,
    sizeMs,
    graceMs,
    grace: (duration: Duration) => makeTumbling(sizeMs, durationMs(duration, 'grace')),
  })
}
