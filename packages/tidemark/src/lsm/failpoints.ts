/**
 * The steps of a write between which a crash is tested (invariants C5 and C6). A flush: before its file is made, once it
 * is durable, and around the manifest that names it. A compaction, on its own thread in a run: before its file is made,
 * before it is synced, once it is durable. Its result: around the manifest that names it (the next flush's, or that of the
 * close) and before the files that it replaced are removed.
 */
export const LSM_FAILPOINTS = [
  'flush-before-file',
  'flush-after-file',
  'flush-before-manifest',
  'flush-after-manifest',
  'compact-before-file',
  'compact-before-sync',
  'compact-after-file',
  'merge-before-manifest',
  'merge-after-manifest',
  'merge-before-remove',
] as const

/** The steps of keeping a checkpoint and giving it up. */
export const RETAIN_FAILPOINTS = [
  'retain-before-file',
  'retain-after-file',
  'release-before-file',
  'release-before-remove',
] as const

export type LsmFailpoint = (typeof LSM_FAILPOINTS)[number] | (typeof RETAIN_FAILPOINTS)[number]
