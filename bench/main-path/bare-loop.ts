import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RecordCursor } from '../../packages/tidemark/src/log/record-cursor.ts'

export interface BareLoop {
  readonly records: number
  readonly seconds: number
  readonly keys: number
}

/** All segment bytes of a stream, in memory, by partition. */
export function loadSegments(directory: string, stream: string): Uint8Array[] {
  const root = join(directory, 'streams', stream)
  return readdirSync(root).flatMap((partition) =>
    readdirSync(join(root, partition))
      .filter((name) => name.endsWith('.log'))
      .sort()
      .map((name) => {
        const bytes = readFileSync(join(root, partition, name))
        return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
      }),
  )
}

/**
 * What a script would do: walk the records, decode the key, count in a Map. No disk, no checksum, no durability. The
 * batches are in memory before the clock starts.
 */
export function bareLoop(segments: readonly Uint8Array[]): BareLoop {
  const counts = new Map<string, number>()
  const cursor = new RecordCursor({ verify: false })
  let records = 0
  const started = performance.now()
  for (const bytes of segments) {
    cursor.reset(bytes)
    while (cursor.nextBatch()) {
      while (cursor.next()) {
        const key = Buffer.prototype.latin1Slice.call(cursor.bytes, cursor.keyStart, cursor.keyEnd)
        const count = counts.get(key)
        counts.set(key, count === undefined ? 1 : count + 1)
        records++
      }
    }
  }
  return { records, seconds: (performance.now() - started) / 1000, keys: counts.size }
}
