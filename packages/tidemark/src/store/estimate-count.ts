import { type ByteMap, DELETED } from './byte-map.ts'
import type { Base } from './types.ts'

const SAMPLES = 256

/**
 * About how many keys are visible in `layers` (newest first) over a base: what the base says, plus for each layer the
 * keys that it adds and minus those that it deletes, exact up to 256 entries and from as many samples beyond.
 */
export function estimateCount(layers: readonly (ByteMap | null)[], base: Base, store: string): number {
  let count = base.approximateCount(store)
  for (let i = 0; i < layers.length; i++) {
    const map = layers[i]
    if (map !== null && map !== undefined && map.size > 0) count += effectOf(map, layers.slice(i + 1), base, store)
  }
  return Math.max(0, Math.round(count))
}

function effectOf(map: ByteMap, below: readonly (ByteMap | null)[], base: Base, store: string): number {
  const samples = map.sample(SAMPLES)
  let effect = 0
  for (const entry of samples) {
    const here = (map.flagsAt(entry) & DELETED) === 0
    const there = isVisible(map, entry, below, base, store)
    if (here !== there) effect += here ? 1 : -1
  }
  return (effect * map.size) / samples.length
}

function isVisible(
  of: ByteMap,
  entry: number,
  layers: readonly (ByteMap | null)[],
  base: Base,
  store: string,
): boolean {
  const bytes = of.keyChunkAt(entry)
  const start = of.keyStartAt(entry)
  const end = start + of.keyLengthAt(entry)
  const hash = of.hashAt(entry)
  for (const map of layers) {
    const found = map === null ? -1 : map.find(bytes, start, end, hash)
    if (found >= 0) return ((map as ByteMap).flagsAt(found) & DELETED) === 0
  }
  return base.get(store, bytes, start, end, hash) === 1
}
