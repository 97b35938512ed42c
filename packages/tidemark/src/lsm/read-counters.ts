/** What look-ups of one base have done, over all its files; a thread has its own. */
export class ReadCounters {
  /** Look-ups of keys. */
  gets = 0
  /** Files that were asked, which is a look at their bloom filter. */
  checks = 0
  /** How many of these the filter let pass. */
  passes = 0
  /** How many of those held the key. */
  found = 0
}
