import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { Sink, type SinkFailpoint, sinkProducer } from '../../src/sources/sink.ts'
import { FileTarget } from '../../src/sources/sink-target.ts'
import { fill, jsonStream, makeStream, openLog, readersOf, TestPort } from './log-support.ts'

const OUT = '/out/counts.jsonl'
const RECORDS = 400
const STEPS: readonly SinkFailpoint[] = ['before-write', 'after-write', 'after-sync', 'after-commit']

class Killed extends Error {}

/** A disk with a stream of records in it. */
async function prepared(): Promise<MemDisk> {
  const disk = new MemDisk()
  disk.makeDirectory('/out')
  disk.syncDirectory('/')
  const log = openLog(disk)
  const port = new TestPort(log)
  const info = makeStream(log, 'counts', 3)
  // Several batches a partition, so that one pass is not all there is.
  for (let i = 0; i < 4; i++) {
    const part = Array.from({ length: RECORDS / 4 }, (_, n) => ({ n: (i * RECORDS) / 4 + n, pad: 'x'.repeat(n) }))
    await fill(port, info, `g${i}`, part)
  }
  log.close()
  return disk
}

/** One life of a sink: to the end, or until `failpoint` throws or the disk stops. */
async function attempt(disk: MemDisk, failpoint: (step: SinkFailpoint) => void): Promise<void> {
  const log = openLog(disk)
  const info = makeStream(log, 'counts', 3)
  const producer = log.claim(sinkProducer('counts', OUT), '{}')
  const readers = readersOf(disk, info, log.offsets)
  // Each reader gives one batch at a time.
  const slow = readers.map((reader) => ({
    get position(): number {
      return reader.position
    },
    seek: (offset: number): void => reader.seek(offset),
    read: (): ReturnType<typeof reader.read> => reader.read(1),
  }))
  const port = new TestPort(log)
  const target = new FileTarget(disk, OUT)
  const options = { log: port, stream: jsonStream('counts'), info, producer, readers: slow, target, failpoint }
  const sink = new Sink({ ...options, commitBytes: 1000 })
  sink.stop()
  await sink.run()
}

function assertExactlyOnce(disk: MemDisk): void {
  const lines = Buffer.from(readFile(disk, OUT)).toString().split('\n').slice(0, -1)
  const found = lines.map((line) => (JSON.parse(line) as { n: number }).n).sort((a, b) => a - b)
  assert.deepEqual(
    found,
    Array.from({ length: RECORDS }, (_, i) => i),
  )
}

const never = (): void => {}

for (const step of STEPS) {
  test(`killed at '${step}' each time it is reached, the file holds each record once`, async () => {
    for (let nth = 1; ; nth++) {
      const disk = await prepared()
      let left = nth
      try {
        await attempt(disk, (at) => {
          if (at === step && --left === 0) throw new Killed(at)
        })
        assert.ok(nth > 3, 'the step was reached several times')
        return assertExactlyOnce(disk)
      } catch (error) {
        assert.ok(error instanceof Killed, String(error))
      }
      disk.crash({ seed: nth })
      await attempt(disk, never)
      assertExactlyOnce(disk)
    }
  })
}

test('whenever the machine stops, several times, the file holds each record once', async () => {
  let crashes = 0
  const stops = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(stops, fc.nat(), async (after, seed) => {
      const disk = await prepared()
      for (const [i, stop] of after.entries()) {
        disk.stopAfter(stop)
        try {
          await attempt(disk, never)
        } catch (error) {
          assert.ok(disk.stopped, String(error))
          crashes++
        }
        disk.crash({ seed: seed + i })
      }
      await attempt(disk, never)
      assertExactlyOnce(disk)
    }),
    { numRuns: 60 },
  )
  assert.ok(crashes > 20, `only ${crashes} crashes happened`)
})
