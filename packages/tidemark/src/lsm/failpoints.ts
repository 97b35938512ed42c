/**
 * The steps of a write between which a crash is tested (invariants C5 and C6). Around the file: before it is made and
 * once it is durable; around the manifest that names it; and before the files that a merge replaced are removed.
 */
export const LSM_FAILPOINTS = [
  'flush-before-file',
  'flush-after-file',
  'flush-before-manifest',
  'flush-after-manifest',
  'merge-before-manifest',
  'merge-after-manifest',
  'merge-before-remove',
] as const

export type LsmFailpoint = (typeof LSM_FAILPOINTS)[number]
