import type { StreamReader } from 'tidemark/system'
import { Fetcher } from '../fetch/fetcher.ts'
import type { FetcherOptions } from '../fetch/fetch-options.ts'
import type { Cluster } from '../net/cluster.ts'
import type { TopicPartition } from '../wire/api.ts'
import type { PartitionSource } from './state-partition.ts'

/** Lets one reader of a fetcher be waited for. */
export class PartitionWatch {
  #wake = Promise.withResolvers<void>()
  #failed: Error | null = null

  constructor() {
    this.#wake.promise.catch(() => {})
  }

  /** For the fetcher's options. */
  readonly events = {
    onData: (): void => {
      const wake = this.#wake
      this.#wake = Promise.withResolvers()
      this.#wake.promise.catch(() => {})
      wake.resolve()
    },
    onFailed: (error: Error): void => {
      this.#failed = error
      this.#wake.reject(error)
    },
  }

  source(reader: StreamReader): PartitionSource {
    return {
      reader,
      more: () => (this.#failed === null ? this.#wake.promise : Promise.reject(this.#failed)),
    }
  }
}

const MIB: number = 1024 * 1024
/** For reading much: what waits is enough for the broker's next answer to come meanwhile. */
export const IN_BULK: Pick<FetcherOptions, 'partitionMaxBytes' | 'partitionBufferBytes'> = {
  partitionMaxBytes: 4 * MIB,
  partitionBufferBytes: 8 * MIB,
}

/** Reads one partition, read committed, with a fetcher of its own for as long as `read` takes. */
export async function readingPartition<T>(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
  read: (source: PartitionSource) => Promise<T>,
  limits: Partial<FetcherOptions> = {},
): Promise<T> {
  const watch = new PartitionWatch()
  const fetcher = new Fetcher({ cluster, readCommitted: true, outOfRange: 'fail', ...watch.events, ...limits })
  try {
    return await read(watch.source(fetcher.reader(topic, partition)))
  } finally {
    fetcher.close()
  }
}
