import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFile } from '../../../src/disk/disk.ts'
import type { MemDisk } from '../../../src/disk/mem-disk.ts'
import type { EmbeddedLog } from '../../../src/log/embedded/embedded-log.ts'
import { LogView } from '../../../src/log/embedded/log-view.ts'
import { JournalCursor } from '../../../src/log/embedded/journal-cursor.ts'
import { batch, commit, freshLog, image, openLog, refuses, restore, transaction, untext, values } from './harness.ts'

const JOURNAL = '/data/journal/00000001.journal'
const SEGMENT = '/data/streams/s/0/00000000000000000000.log'

/** Three commits; the last one in journal only when `behind` (the process ended before the segment was written). */
function written(behind: boolean, delta = false): { files: Map<string, string>; ends: number[] } {
  const { disk, log, stream } = freshLog()
  const more = delta ? { delta: new Uint8Array([1, 2, 3]) } : {}
  for (let id = 1; id <= 2; id++) {
    commit(log, transaction(id, [{ stream: stream.id, partition: 0, bytes: batch([`v${id}`]) }], more))
  }
  const before = disk.size(SEGMENT)
  commit(log, transaction(3, [{ stream: stream.id, partition: 0, bytes: batch(['v3']) }], more))
  if (behind) disk.open(SEGMENT, 'write').truncate(before)
  return { files: image(disk), ends: entryEnds(readFile(disk, JOURNAL)) }
}

function entryEnds(bytes: Uint8Array): number[] {
  const cursor = new JournalCursor(bytes, -1)
  const ends: number[] = []
  while (cursor.next()) ends.push(cursor.end)
  return ends
}

function content(disk: MemDisk, log: EmbeddedLog): string[] {
  const stream = log.stream('s')
  return stream === undefined ? [] : values(disk, log, stream)
}

function flip(disk: MemDisk, path: string, at: number, bit = 1): void {
  const file = disk.open(path, 'write')
  const byte = new Uint8Array(1)
  file.read(byte, 0, 1, at)
  byte[0] = (byte[0] ?? 0) ^ bit
  file.write(byte, at)
  file.close()
}

function truncate(disk: MemDisk, path: string, size: number): void {
  const file = disk.open(path, 'write')
  file.truncate(size)
  file.close()
}

/** Opening must refuse, name the file, and change nothing. */
function assertCorrupt(disk: MemDisk, parts: readonly (string | number)[]): void {
  const before = image(disk)
  refuses('ERR_LOG_CORRUPT', parts, () => openLog(disk))
  assert.deepEqual(image(disk), before, 'nothing was changed')
}

test('journal: cut at every byte of the last entry, it is dropped and nothing else', () => {
  const { files, ends } = written(true)
  const last = ends.at(-2) as number
  for (let size = last; size < (ends.at(-1) as number); size++) {
    const disk = restore(files)
    truncate(disk, JOURNAL, size)
    const log = openLog(disk)
    assert.deepEqual(content(disk, log), ['v1', 'v2'], `cut at ${size}`)
    assert.equal(log.producer('p')?.id, 2)
    assert.equal(untext(log.producer('p')?.checkpoint ?? new Uint8Array()), 'checkpoint 2')
    log.claim('p', '{}')
    commit(log, transaction(3, [{ stream: 0, partition: 0, bytes: batch(['again']) }], { epoch: 2 }))
    assert.deepEqual(content(disk, log), ['v1', 'v2', 'again'])
  }
})

test('journal: cut at every byte of the last entry, but the segment has its batch: it was committed, so stop', () => {
  const { files, ends } = written(false)
  for (let size = ends.at(-2) as number; size < (ends.at(-1) as number); size++) {
    const disk = restore(files)
    truncate(disk, JOURNAL, size)
    assertCorrupt(disk, [SEGMENT, 'offset 2', '"s"'])
  }
})

test('journal: a flipped bit in any byte before the last entry is corruption', () => {
  const { files, ends } = written(true)
  for (let at = 0; at < (ends.at(-2) as number); at++) {
    const disk = restore(files)
    flip(disk, JOURNAL, at, 1 << (at % 8))
    assertCorrupt(disk, [JOURNAL])
  }
})

test('journal: a flipped bit in the last entry drops it, or is corruption when a segment bears witness', () => {
  const behind = written(true)
  const whole = written(false)
  for (let at = behind.ends.at(-2) as number; at < (behind.ends.at(-1) as number); at++) {
    const dropped = restore(behind.files)
    flip(dropped, JOURNAL, at, 1 << (at % 8))
    assert.deepEqual(content(dropped, openLog(dropped)), ['v1', 'v2'], `flipped at ${at}`)
    const witnessed = restore(whole.files)
    flip(witnessed, JOURNAL, at, 1 << (at % 8))
    assertCorrupt(witnessed, [SEGMENT, 'offset 2'])
  }
})

test('journal: rubbish behind the last entry is dropped', () => {
  const { files, ends } = written(false)
  const disk = restore(files)
  disk.open(JOURNAL, 'write').write(new Uint8Array(333).fill(0x54), ends.at(-1) as number)
  const log = openLog(disk)
  assert.deepEqual(content(disk, log), ['v1', 'v2', 'v3'])
  assert.equal(disk.size(JOURNAL), ends.at(-1))
})

test('journal: a whole entry out of order behind the last one is corruption', () => {
  const { files, ends } = written(false)
  const disk = restore(files)
  const bytes = readFile(disk, JOURNAL)
  disk.open(JOURNAL, 'write').write(bytes.slice(ends[2], ends[3]), ends.at(-1) as number)
  assertCorrupt(disk, [JOURNAL, ends.at(-1) as number])
})

test('segment: cut or flipped anywhere that the journal still has, it is written again', () => {
  const { files } = written(false)
  const size = restore(files).size(SEGMENT)
  for (let at = 0; at < size; at++) {
    const cut = restore(files)
    truncate(cut, SEGMENT, at)
    assert.deepEqual(content(cut, openLog(cut)), ['v1', 'v2', 'v3'], `cut at ${at}`)
    const flipped = restore(files)
    flip(flipped, SEGMENT, at)
    assert.deepEqual(content(flipped, openLog(flipped)), ['v1', 'v2', 'v3'], `flipped at ${at}`)
  }
  const gone = restore(files)
  gone.remove(SEGMENT)
  assert.deepEqual(content(gone, openLog(gone)), ['v1', 'v2', 'v3'])
})

/** A log whose journal has forgotten its first commits; segment 0 is closed, a later one grows. */
function reclaimed(): { readonly disk: MemDisk; readonly log: EmbeddedLog } {
  const { disk, log, stream } = freshLog({ journalMaxBytes: 2000, segmentMaxBytes: 600 })
  for (let id = 1; id <= 12; id++) {
    commit(log, transaction(id, [{ stream: stream.id, partition: 0, bytes: batch([`v${id}`.padEnd(90)]) }]))
  }
  assert.ok(!disk.exists(JOURNAL))
  return { disk, log }
}

test('segment: a closed one that the journal has forgotten, cut or missing, is corruption that names it', () => {
  const { disk } = reclaimed()
  const files = image(disk)
  for (const size of [0, 1, disk.size(SEGMENT) - 1]) {
    const cut = restore(files)
    truncate(cut, SEGMENT, size)
    assertCorrupt(cut, [SEGMENT, '"s"', 'partition 0', 'offsets 0 to'])
  }
  const gone = restore(files)
  gone.remove(SEGMENT)
  assertCorrupt(gone, [SEGMENT, 'is missing'])
})

test('segment: a flipped bit that the journal has forgotten is found by the reader, with file, offset and stream', () => {
  const { disk } = reclaimed()
  const files = image(disk)
  for (const at of [3, 10, 16, 20, 70, disk.size(SEGMENT) - 1]) {
    const flipped = restore(files)
    flip(flipped, SEGMENT, at)
    const log = openLog(flipped)
    refuses('ERR_LOG_CORRUPT', [SEGMENT, '"s"', 'partition 0', 'offset'], () => content(flipped, log))
  }
})

test('segment: more than was committed is cut off, and strays are removed', () => {
  const { files } = written(false)
  const disk = restore(files)
  const size = disk.size(SEGMENT)
  disk.open(SEGMENT, 'write').write(new Uint8Array(50).fill(7), size)
  disk.open('/data/streams/s/0/00000000000000000099.log', 'create').write(new Uint8Array(10), 0)
  const log = openLog(disk)
  assert.deepEqual(content(disk, log), ['v1', 'v2', 'v3'])
  assert.equal(disk.size(SEGMENT), size)
  assert.deepEqual(disk.list('/data/streams/s/0'), ['00000000000000000000.log'])
})

test('journal: a missing file, a missing journal and a missing format.json are corruption', () => {
  const { disk } = reclaimed()
  const files = image(disk)
  const journals = disk.list('/data/journal')
  const holed = restore(files)
  assert.ok(journals.length >= 1)
  for (const name of journals) holed.remove(`/data/journal/${name}`)
  assertCorrupt(holed, ['/data/journal', 'was removed'])
  const bare = restore(files)
  bare.remove('/data/format.json')
  assertCorrupt(bare, ['format.json'])
  const { log: pinned, disk: pinnedDisk, stream } = freshLog({ journalMaxBytes: 2000 })
  for (let id = 1; id <= 12; id++) {
    const appends = [{ stream: stream.id, partition: 0, bytes: batch([`v${id}`.padEnd(90)]) }]
    commit(pinned, transaction(id, appends, { delta: new Uint8Array(50) }))
  }
  assert.ok(pinnedDisk.list('/data/journal').length >= 3)
  pinnedDisk.remove('/data/journal/00000002.journal')
  assertCorrupt(pinnedDisk, ['00000002.journal', 'is missing'])
})

test('journal: damage in the newest file is told of that file, not of older ones that were rightly removed', () => {
  const { disk, log } = freshLog({ journalMaxBytes: 1200 })
  // The deltas of many commits are flushed at once, so that several files go by one entry of the newest.
  for (let id = 1; id <= 12; id++) commit(log, transaction(id, [], { delta: new Uint8Array(100) }))
  log.flushed('p', 12)
  const [newest, ...others] = disk.list('/data/journal').filter((name) => name.endsWith('.journal'))
  assert.ok(newest !== undefined && newest > '00000002.journal')
  assert.deepEqual(others, [])
  const path = `/data/journal/${newest}`
  for (let id = 13; id <= 14; id++) commit(log, transaction(id, []))
  const files = image(disk)
  const ends = entryEnds(readFile(disk, path))
  for (let at = ends[0] as number; at < (ends.at(-3) as number); at += 7) {
    const bad = restore(files)
    flip(bad, path, at)
    assertCorrupt(bad, [path])
    refuses('ERR_LOG_CORRUPT', [path], () => LogView.open({ disk: bad, directory: '/data' }))
  }
  // Even if it is the last entry that says it: then the file is torn, and the older ones are not what is wrong.
  const last = restore(files)
  const head = openLog(last)
  head.close()
  truncate(last, path, (ends[0] as number) + 5)
  assertCorrupt(last, [path, 'byte'])
})

test('deltas: one that was damaged after opening is refused', () => {
  const { files, ends } = written(false, true)
  const disk = restore(files)
  const log = openLog(disk)
  assert.deepEqual(
    log.deltas('p', 1).map((delta) => delta.id),
    [2, 3],
  )
  flip(disk, JOURNAL, (ends.at(-1) as number) - 1)
  refuses('ERR_LOG_CORRUPT', [JOURNAL, 'commit 3'], () => log.deltas('p', 1))
})
