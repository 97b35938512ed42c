import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFile } from '../../src/disk/disk.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import type { MemDisk } from '../../src/disk/mem-disk.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { verifyData } from '../../src/ops/verify-data.ts'
import { everyFile, files } from './every-file.ts'
import { DIRECTORY } from './job-data.ts'

/** What each kind of file is, by its path below the data directory. */
const KINDS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['format', /^format\.json$/],
  ['lineage', /^lineage$/],
  ['journal', /^journal\/.*\.journal$/],
  ['segment', /^streams\/.*\.log$/],
  ['manifest', /^state\/0\/MANIFEST$/],
  ['sorted file', /^state\/0\/.*\.sorted$/],
  ['retained manifest', /^state\/0\/retained\/\d+$/],
  ['retained record', /^state\/0\/retained\/\d+\.record$/],
]

function kindOf(path: string): string {
  const name = path.slice(DIRECTORY.length + 1)
  return KINDS.find(([, pattern]) => pattern.test(name))?.[0] ?? assert.fail(`a file of an unknown kind: ${name}`)
}

function isLeaderEpoch(segment: Uint8Array, at: number): boolean {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.length)
  let batch = 0
  while (batch + 12 + view.getUint32(batch + 8) <= at) batch += 12 + view.getUint32(batch + 8)
  return at >= batch + 12 && at < batch + 16
}

function replace(disk: MemDisk, path: string, content: Uint8Array): void {
  const file = disk.open(path, 'write')
  file.truncate(0)
  file.write(content, 0)
  file.close()
}

/** What `state verify` says, as one text; empty when all is well. */
async function verdict(disk: MemDisk): Promise<string> {
  try {
    const report = await verifyData(openDataDir(DIRECTORY, disk))
    const all = [
      ...report.tasks,
      ...report.directories.flatMap(({ findings }) => findings),
      ...(report.log?.findings ?? []),
    ]
    return all
      .filter(({ kind }) => kind === 'damage')
      .map(({ file, what }) => `${file} ${what}`)
      .join('\n')
  } catch (error) {
    if (!isTidemarkError(error)) throw error
    return `${error.code} ${error.message}`
  }
}

test('S4: a wrong bit in any file of a data directory is found by opening it or by state verify, which name the file', async () => {
  const { data, lastEntry } = everyFile()
  const { disk } = data
  assert.equal(await verdict(disk), '')
  const found = new Map<string, number>()
  for (const path of files(disk)) {
    const kind = kindOf(path)
    const good = readFile(disk, path)
    const step = Math.max(1, Math.floor(good.length / 25))
    for (let at = 0; at < good.length; at += step) {
      const bad = good.slice()
      bad[at] = (bad[at] as number) ^ (1 << (at % 8))
      replace(disk, path, bad)
      const said = await verdict(disk)
      const what = `${path}, byte ${at} of ${good.length}: ${said}`
      // A batch's leader epoch (Kafka's, and of no meaning here) is the one field of it that no checksum covers.
      if (kind === 'segment' && isLeaderEpoch(good, at)) {
        assert.equal(said, '', what)
        continue
      }
      // The last entry of a journal may be what a crash has torn: it is dropped, unless something else knows of it.
      if (kind === 'journal' && at >= lastEntry) continue
      // White space between the members of format.json: its checksum is of what it means.
      if (kind === 'format' && said === '' && /\s/.test(String.fromCharCode(good[at] as number))) continue
      assert.notEqual(said, '', what)
      assert.ok(said.includes(path), what)
      found.set(kind, (found.get(kind) ?? 0) + 1)
    }
    replace(disk, path, good)
  }
  for (const [kind] of KINDS) assert.ok((found.get(kind) ?? 0) >= 10, `${kind}: ${JSON.stringify([...found])}`)
  assert.equal(await verdict(disk), '')
})

test('S4: a file of a data directory that is cut off is found and named', async () => {
  const { data, lastEntry } = everyFile()
  const { disk } = data
  for (const path of files(disk)) {
    const kind = kindOf(path)
    // What the journal still has of a segment, the next run writes again (damage.test.ts of the log); readers wait for it.
    if (kind === 'segment') continue
    const good = readFile(disk, path)
    for (const part of [0, 0.1, 0.35, 0.5, 0.8, 0.97]) {
      const length = Math.min(good.length - 1, Math.floor(good.length * part))
      // A journal that was cut off within or behind its last entry is one whose last write was not durable.
      if (kind === 'journal' && length >= lastEntry) continue
      replace(disk, path, good.subarray(0, length))
      const said = await verdict(disk)
      const what = `${path}, ${length} of ${good.length} bytes: ${said}`
      assert.notEqual(said, '', what)
      // Of a journal the streams and the state know that it was longer.
      if (kind !== 'journal') assert.ok(said.includes(path), what)
    }
    replace(disk, path, good)
  }
})
