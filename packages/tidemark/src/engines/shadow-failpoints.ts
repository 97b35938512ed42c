/**
 * The steps between which a crash is tested (invariants C5, C6 and K6): of a write, of bringing a shadow up to its engine
 * in batches, of one that is not kept up any more, of its end, and of an engine that is filled from it.
 */
export const SHADOW_FAILPOINTS = [
  'shadow-before-batch',
  'shadow-after-batch',
  'shadow-before-write',
  'shadow-after-write',
  'shadow-before-stale',
  'shadow-after-stale',
  'shadow-before-discard',
  'shadow-after-discard',
  'shadow-after-import-batch',
  'shadow-before-import-end',
] as const

export type ShadowFailpoint = (typeof SHADOW_FAILPOINTS)[number]
