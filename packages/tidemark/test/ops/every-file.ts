import { writeLineage } from '../../src/checkpoint/lineage.ts'
import { writeRetainedRecord } from '../../src/checkpoint/retained-record.ts'
import type { Disk } from '../../src/disk/disk.ts'
import { readManifest } from '../../src/lsm/manifest.ts'
import { writeRetained } from '../../src/lsm/retained.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { kvSpec, windowSpec } from '../store/harness.ts'
import { batch, DIRECTORY, JobData } from './job-data.ts'

export interface EveryFile {
  readonly data: JobData
  /** Where in the journal the last commit begins. */
  readonly lastEntry: number
}

/** A data directory with a file of every kind that a job on sorted files has. */
export function everyFile(): EveryFile {
  const data = new JobData(
    [kvSpec('counts', string(), uint()), windowSpec('hourly', string(), json<{ n: number }>(), { windowSizeMs: 100 })],
    1,
  )
  const { disk, log } = data
  writeLineage(disk, DIRECTORY, {
    dataId: 'd',
    current: { id: 'l', number: 1, from: null, atMs: 1 },
    pending: null,
    older: [],
  })
  const kept = { retentionMs: null, retentionBytes: null, meta: '{}' }
  const stream = log.createStream({ name: 'events', partitions: 1, kind: 'user', ...kept })
  for (let i = 0; i < 40; i++) {
    data.put('counts', `user:${i}`, i)
    data.put('hourly', `user:${i}`, { n: i }, 100)
  }
  const append = (value: number): { stream: number; partition: number; bytes: Uint8Array } => ({
    stream: stream.id,
    partition: 0,
    bytes: batch([{ key: 'a', value, timestamp: 5 }]),
  })
  data.commit([append(1)])
  data.flush()
  const state = `${DIRECTORY}/state/0`
  const manifest = readManifest(disk, state)
  if (manifest === null) throw new Error('the flush has written a manifest')
  const names = [{ checkpoint: '20261124-024500', kind: 'manual' as const }]
  const record = { positions: [], marks: [], clock: null }
  writeRetainedRecord(disk, state, { names, id: 1, atMs: 5, commits: 1, changedBytes: 9, record } as never)
  writeRetained(disk, state, { ...manifest, createdAtMs: 5 })
  data.put('counts', 'more', 7)
  data.commit([append(2)])
  const journal = files(disk).find((path) => path.endsWith('.journal')) ?? ''
  const lastEntry = disk.size(journal)
  data.put('counts', 'last', 8)
  data.commit()
  return { data, lastEntry }
}

/** All files of the data directory. */
export function files(disk: Disk, directory: string = DIRECTORY): string[] {
  return disk.list(directory).flatMap((name) => {
    const path = `${directory}/${name}`
    try {
      disk.size(path)
      return [path]
    } catch {
      return files(disk, path)
    }
  })
}
