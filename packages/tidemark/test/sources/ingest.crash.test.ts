import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { FileSource } from '../../src/sources/file-source.ts'
import { formatOf } from '../../src/sources/input-format.ts'
import { makeIngest, makeStream, openLog, recordsOf, type StoredRecord, TestPort } from './log-support.ts'
import { temporaryDirectory } from './support.ts'

const ROWS = 3000

/** Ingests the file with the machine stopped after each of `stops` disk operations; gives what the stream holds. */
async function ingestWithCrashes(
  path: string,
  stops: readonly number[],
  seed: number,
): Promise<{ records: StoredRecord[][]; dead: StoredRecord[][]; crashes: number }> {
  const disk = new MemDisk()
  let crashes = 0
  const attempt = async (): Promise<{ records: StoredRecord[][]; dead: StoredRecord[][] }> => {
    const log = openLog(disk)
    const info = makeStream(log, 'visits')
    const deadLetters = makeStream(log, 'dead', 1)
    const source = new FileSource({ path, ...formatOf(path), chunkBytes: 2048 })
    const options = { deadLetters, onError: { deadLetter: 'dead' }, commitRows: 200 } as const
    await makeIngest(new TestPort(log), info, source, options).run()
    return { records: recordsOf(disk, log, info), dead: recordsOf(disk, log, deadLetters) }
  }
  for (const stop of stops) {
    disk.stopAfter(stop)
    try {
      await attempt()
    } catch (error) {
      assert.ok(disk.stopped, String(error))
      crashes++
    }
    disk.crash({ seed: seed + crashes })
  }
  return { ...(await attempt()), crashes }
}

test('a file is ingested exactly once, whenever the machine stops', async (t) => {
  const directory = temporaryDirectory(t)
  const line = (i: number): string => (i % 97 === 0 ? `{"broken": ${i}` : `{"n":${i}}`)
  const text = Array.from({ length: ROWS }, (_, i) => `${line(i)}\n`).join('')
  const plain = join(directory, 'rows.jsonl')
  const packed = join(directory, 'rows.jsonl.gz')
  writeFileSync(plain, text)
  writeFileSync(packed, gzipSync(text))
  const expected = await ingestWithCrashes(plain, [], 0)
  assert.equal(expected.records.flat().length + expected.dead.flat().length, ROWS)
  let crashes = 0
  const stops = fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(stops, fc.nat(), fc.constantFrom(plain, packed), async (after, seed, path) => {
      const found = await ingestWithCrashes(path, after, seed)
      crashes += found.crashes
      assert.deepEqual(found.records, expected.records)
      const values = ({ value }: StoredRecord): string => value
      assert.deepEqual(found.dead.flat().map(values), expected.dead.flat().map(values))
    }),
    { numRuns: 60 },
  )
  assert.ok(crashes > 20, `only ${crashes} crashes happened`)
})
