import { murmur2 } from '../hash/murmur2.ts'
import { seededRandom } from '../hash/seeded-random.ts'
import type { Steps } from '../store/types.ts'
import { restartCount, runStart } from './block-search.ts'
import { compareBytes, copyBytes } from './bytes.ts'
import { EntryReader } from './entry-reader.ts'
import type { Expiry } from './expiry.ts'
import { TAG_DELETION, TAG_LARGE } from './format.ts'
import { entrySize, isExpired, joinShares, type LiveShare, type SectionShare } from './live-share.ts'
import type { Section } from './section.ts'

/** Entries of a store that are looked up, divided among its sections by their size; each section gets some. */
const SAMPLES = 16_384
const LEAST_SAMPLES = 512
/** Entries of a block that are looked up: neighbours tell less than others. */
const PER_BLOCK = 16
/** What was never, or always, seen in n blocks is no more than 3/n of all, 95 times of 100. */
const NEVER_SEEN = 1.5

/**
 * About how much of the sections of a store (newest first) is live: entries of some blocks of each section are looked up
 * in the newer ones. Small stores are looked at as a whole, and then the figures are exact. A step is one block. The
 * choice of blocks is by chance, and the same each time.
 */
export function* estimateLive(sections: readonly Section[], expiry: Expiry | undefined): Steps<LiveShare> {
  const total = sections.reduce((sum, { head }) => sum + head.entries, 0)
  const shares: SectionShare[] = []
  for (const [i, section] of sections.entries()) {
    const newer = sections.slice(0, i).filter((other) => overlaps(section, other))
    const samples = Math.max(LEAST_SAMPLES, Math.ceil((SAMPLES * section.head.entries) / total))
    if (newer.length === 0 && section.head.deletions === 0 && expiry === undefined) shares.push(allOf(section))
    else shares.push(yield* new SectionSample(section, newer, expiry, seededRandom(i + 1)).look(samples))
  }
  return joinShares(shares)
}

function overlaps({ head: a }: Section, { head: b }: Section): boolean {
  const before = (x: Uint8Array, y: Uint8Array): boolean => compareBytes(x, 0, x.length, y, 0, y.length) < 0
  return !before(a.lastKey, b.firstKey) && !before(b.lastKey, a.firstKey)
}

function allOf({ head }: Section): SectionShare {
  return {
    entries: head.entries,
    storedBytes: head.storedBytes,
    liveEntries: head.entries,
    livePart: 1,
    variance: 0,
  }
}

/** Looks entries of some blocks of one section up in newer ones. */
class SectionSample {
  readonly #section: Section
  readonly #newer: readonly Section[]
  readonly #expiry: Expiry | undefined
  readonly #random: () => number
  readonly #entry = new EntryReader()
  #key = new Uint8Array(256)
  #keyEnd = 0
  /** Of the blocks that were looked at: their entries, and of those how many are live, by what was looked up of each. */
  readonly #counts: number[] = []
  readonly #live: number[] = []
  /** Bytes of what was looked up, and of what of it is live; each entry stands for `weight` of its block. */
  #bytes = 0
  #liveBytes = 0
  #lookedUp = 0
  /** The variance of the live entries of these blocks, as not all of theirs were looked up. */
  #within = 0

  constructor(section: Section, newer: readonly Section[], expiry: Expiry | undefined, random: () => number) {
    this.#section = section
    this.#newer = newer
    this.#expiry = expiry
    this.#random = random
  }

  *look(samples: number): Steps<SectionShare> {
    const { blocks, head } = this.#section
    const whole = head.entries <= samples
    const wanted = whole ? blocks : Math.min(blocks, Math.ceil(samples / PER_BLOCK))
    for (let i = 0; i < wanted; i++) {
      // One out of each of so many equal parts of the blocks.
      const block = whole ? i : Math.floor(((i + this.#random()) * blocks) / wanted)
      this.#lookAt(block, whole ? Number.POSITIVE_INFINITY : PER_BLOCK)
      yield
    }
    return this.#result(whole)
  }

  #result(whole: boolean): SectionShare {
    const { blocks, head } = this.#section
    const seen = sumOf(this.#counts)
    const part = seen === 0 ? 0 : sumOf(this.#live) / seen
    return {
      entries: head.entries,
      storedBytes: head.storedBytes,
      liveEntries: head.entries * part,
      livePart: this.#bytes === 0 ? 0 : this.#liveBytes / this.#bytes,
      variance: whole ? 0 : this.#variance(part, blocks, head.entries),
    }
  }

  /**
   * In two stages: blocks, which are neighbours' neighbours, so that the next one tells what chance does; and entries of
   * each block.
   */
  #variance(part: number, blocks: number, entries: number): number {
    const taken = this.#counts.length
    const off = this.#counts.map((count, i) => (this.#live[i] as number) - part * count)
    let squares = 0
    for (let i = 1; i < taken; i++) squares += ((off[i] as number) - (off[i - 1] as number)) ** 2
    const ofBlocks = taken < 2 ? 0 : ((blocks * (blocks - taken)) / taken) * (squares / (2 * (taken - 1)))
    const ofEntries = (blocks / taken) * this.#within
    const unseen = (NEVER_SEEN * entries) / (taken === blocks ? this.#lookedUp : taken)
    return Math.max(ofBlocks + ofEntries, unseen ** 2)
  }

  #lookAt(block: number, most: number): void {
    const section = this.#section
    section.load(block)
    const { blockBytes, blockStart, blockEnd } = section
    const restarts = restartCount(blockBytes, blockEnd)
    const end = runStart(blockBytes, blockStart, blockEnd, restarts, restarts)
    const count = this.#countOf(blockBytes, blockStart, end)
    const step = Math.max(1, count / most)
    let next = this.#random() * step
    let live = 0
    let lookedUp = 0
    let number = 0
    for (let at = blockStart; at < end; number++) {
      this.#read(blockBytes, at)
      at = this.#entry.valueEnd
      if (number < Math.floor(next)) continue
      next += step
      lookedUp++
      const isLive = this.#isLive(blockBytes)
      if (isLive) live++
      this.#weigh(blockBytes, isLive, step)
    }
    const part = lookedUp === 0 ? 0 : live / lookedUp
    if (lookedUp > 1) this.#within += (count * (count - lookedUp) * part * (1 - part)) / (lookedUp - 1)
    this.#lookedUp += lookedUp
    this.#counts.push(count)
    this.#live.push(part * count)
  }

  #countOf(bytes: Uint8Array, start: number, end: number): number {
    let count = 0
    for (let at = start; at < end; count++) {
      this.#entry.read(bytes, at)
      at = this.#entry.valueEnd
    }
    return count
  }

  #read(bytes: Uint8Array, at: number): void {
    const entry = this.#entry
    entry.read(bytes, at)
    const { shared, keyStart, keyEnd } = entry
    const length = shared + keyEnd - keyStart
    if (length > this.#key.length) {
      const grown = new Uint8Array(length * 2)
      grown.set(this.#key.subarray(0, shared))
      this.#key = grown
    }
    copyBytes(bytes, keyStart, keyEnd, this.#key, shared)
    this.#keyEnd = length
  }

  #weigh(block: Uint8Array, isLive: boolean, weight: number): void {
    const { tag, keyEnd, valueEnd } = this.#entry
    const size = weight * entrySize(this.#keyEnd, block, tag, keyEnd, valueEnd)
    this.#bytes += size
    if (isLive) this.#liveBytes += size
  }

  #isLive(block: Uint8Array): boolean {
    const { tag, keyEnd: valueStart } = this.#entry
    if (tag === TAG_DELETION) return false
    const key = this.#key
    const keyEnd = this.#keyEnd
    const expiry = this.#expiry
    if (expiry !== undefined) {
      const large = tag === TAG_LARGE && expiry.deadlineMs !== null
      const value = large ? this.#section.readLarge(block, valueStart) : block
      if (isExpired(expiry, key, keyEnd, value, large ? 0 : valueStart)) return false
    }
    const hash = murmur2(key, 0, keyEnd)
    for (const section of this.#newer) if (section.get(key, 0, keyEnd, hash) !== 0) return false
    return true
  }
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
