import { systemClock } from '../../packages/tidemark/src/clock/clock.ts'
import { nodeDisk } from '../../packages/tidemark/src/disk/node-disk.ts'
import { murmur2, partitionOf } from '../../packages/tidemark/src/hash/murmur2.ts'
import { BatchEncoder } from '../../packages/tidemark/src/log/batch-encoder.ts'
import { EmbeddedLog } from '../../packages/tidemark/src/log/embedded/embedded-log.ts'
import type { Append } from '../../packages/tidemark/src/log/types.ts'
import { seededRandom } from '../../packages/tidemark/src/hash/seeded-random.ts'
import { streamSpec } from '../../packages/tidemark/src/runtime/job-plan.ts'
import { visits } from './count.job.ts'

const BATCH_RECORDS = 1000
const BATCHES_PER_COMMIT = 40

/**
 * Appends visits to the stream of a data directory, which is made if it is not there: users uniform over `keys`, or as
 * `draw` says; values of about 80 bytes of JSON.
 */
export function generateVisits(directory: string, records: number, keys: number, draw?: () => number): void {
  const log = EmbeddedLog.open({ disk: nodeDisk, directory, job: null, clock: systemClock, fsync: 'never' })
  const partitions = visits.partitions ?? 1
  const spec = streamSpec(visits as never, partitions, 'user')
  const info = log.stream(spec.name) ?? log.createStream(spec)
  const { epoch, id } = log.claim('generator', '{}')
  const random = seededRandom(7)
  const user = draw ?? ((): number => Math.floor(random() * keys))
  const encoders = Array.from({ length: partitions }, () => new BatchEncoder())
  const ascii = new TextEncoder()
  let next = id
  let appends: Append[] = []
  const commit = (): void => {
    log.commit([{ producer: 'generator', epoch, id: ++next, appends, delta: null, checkpoint: new Uint8Array(0) }])
    log.flushed('generator', next)
    appends = []
  }
  for (let i = 0; i < records; i++) {
    const name = `user-${String(user()).padStart(9, '0')}`
    const key = ascii.encode(name)
    const value = ascii.encode(`{"user":"${name}","page":"/products/${i % 1000}","at":${1_700_000_000_000 + i}}`)
    const partition = partitionOf(murmur2(key), partitions)
    const encoder = encoders[partition] as BatchEncoder
    encoder.append(1_700_000_000_000 + i, key, 0, key.length, value, 0, value.length, null)
    if (encoder.count === BATCH_RECORDS) {
      appends.push({ stream: info.id, partition, bytes: encoder.finish() })
      encoder.reset()
      if (appends.length === BATCHES_PER_COMMIT) commit()
    }
  }
  for (const [partition, encoder] of encoders.entries()) {
    if (encoder.count > 0) appends.push({ stream: info.id, partition, bytes: encoder.finish() })
  }
  commit()
  log.close()
}
