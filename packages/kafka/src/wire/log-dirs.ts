import type { Api } from './api.ts'

export interface LogDirPartition {
  readonly topic: string
  readonly partition: number
  readonly sizeBytes: number
  /** True for one that is being moved here: it counts twice otherwise. */
  readonly isFuture: boolean
}

/** A directory of a broker with partitions in it. */
export interface LogDir {
  readonly error: number
  readonly path: string
  /** Of its disk; -1: unknown. */
  readonly totalBytes: number
  readonly usableBytes: number
  readonly partitions: readonly LogDirPartition[]
}

export interface DescribedLogDirs {
  readonly error: number
  readonly directories: readonly LogDir[]
}

/** What partitions take on a broker's disks; each broker knows its own. Null asks for all topics. */
export const describeLogDirs: Api<null, DescribedLogDirs> = {
  name: 'DescribeLogDirs',
  key: 35,
  minVersion: 4,
  version: 4,
  write(writer) {
    writer.array(null, () => {}).tags()
  },
  read(reader) {
    reader.int32()
    const error = reader.int16()
    const directories = reader.array((r) => {
      const own = r.int16()
      const path = r.string()
      const topics = r.array((t) => {
        const topic = t.string()
        const partitions = t.array((p) => {
          const partition = p.int32()
          const sizeBytes = p.int64()
          p.int64()
          const isFuture = p.bool()
          p.tags()
          return { topic, partition, sizeBytes, isFuture }
        })
        t.tags()
        return partitions
      })
      const totalBytes = r.int64()
      const usableBytes = r.int64()
      r.tags()
      return { error: own, path, totalBytes, usableBytes, partitions: topics.flat() }
    })
    return { error, directories }
  },
}
