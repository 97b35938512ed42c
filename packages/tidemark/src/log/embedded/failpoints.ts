/** The steps of a commit at which a test may end the process; see docs/internals/log.md for what each must leave. */
export const FAILPOINTS = [
  'journal-before-write',
  'journal-torn-write',
  'journal-before-sync',
  'journal-after-sync',
  'segments-partial',
  'segments-after-write',
  'before-publish',
  'after-publish',
] as const

export type Failpoint = (typeof FAILPOINTS)[number]
