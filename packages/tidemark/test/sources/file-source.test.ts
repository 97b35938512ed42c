import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, mkdirSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { ManualClock } from '../../src/clock/clock.ts'
import { FileSource, type FileSourceOptions } from '../../src/sources/file-source.ts'
import { formatOf } from '../../src/sources/input-format.ts'
import { RowBatch } from '../../src/sources/row-batch.ts'
import type { Json } from '../../src/sources/row-source.ts'
import { noWait, readSource, temporaryDirectory } from './support.ts'

/** Reads what comes after a position, to the end; gives the values and the position there. */
async function readOn(
  path: string,
  position: Json | null = null,
  options: Partial<FileSourceOptions> = {},
): Promise<{ values: unknown[]; lines: number[]; position: Json }> {
  const source = new FileSource({ path, ...formatOf(path), waiter: noWait, ...options })
  await source.open(position)
  try {
    const { values, lines } = await readSource(source, options.follow === true ? 'idle' : 'end')
    return { values, lines, position: source.position() }
  } finally {
    await source.close()
  }
}

/** The n rows after `from`, as JSON lines. */
const lines = (from: number, n: number): string => Array.from({ length: n }, (_, i) => `{"n":${from + i}}\n`).join('')
const numbers = (values: readonly unknown[]): number[] => values.map((value) => (value as { n: number }).n)
const range = (from: number, n: number): number[] => Array.from({ length: n }, (_, i) => from + i)

test('every format and compression gives the same rows', async (t) => {
  const directory = temporaryDirectory(t)
  const expected = range(0, 5000)
  const contents: Readonly<Record<string, string>> = {
    jsonl: lines(0, 5000),
    ndjson: lines(0, 5000),
    json: `[${lines(0, 5000).trimEnd().replaceAll('\n', ',\n')}]`,
    csv: `n\n${expected.join('\n')}\n`,
  }
  for (const [extension, content] of Object.entries(contents)) {
    const half = content.length >> 1
    const [a, b] = [content.slice(0, half), content.slice(half)]
    const files: Readonly<Record<string, Buffer>> = {
      '': Buffer.from(content),
      '.gz': Buffer.concat([gzipSync(a), gzipSync(b)]),
      '.zst': Buffer.concat([zstdCompressSync(a), zstdCompressSync(''), zstdCompressSync(b)]),
    }
    for (const [suffix, bytes] of Object.entries(files)) {
      const path = join(directory, `rows.${extension}${suffix}`)
      writeFileSync(path, bytes)
      const { values } = await readOn(path)
      assert.deepEqual(
        values.map((value) => Number((value as { n: unknown }).n)),
        expected,
        path,
      )
    }
  }
})

test('a file that was read and has grown goes on where it ended', async (t) => {
  const path = join(temporaryDirectory(t), 'rows.jsonl')
  writeFileSync(path, lines(0, 3))
  const first = await readOn(path)
  assert.deepEqual((await readOn(path, first.position)).values, [])
  appendFileSync(path, lines(3, 2))
  const second = await readOn(path, first.position)
  assert.deepEqual(numbers(second.values), [3, 4])
  assert.deepEqual(second.lines, [4, 5])
})

test('CSV goes on with the header that it had', async (t) => {
  const path = join(temporaryDirectory(t), 'rows.csv')
  writeFileSync(path, 'n\n0\n1\n')
  const first = await readOn(path)
  appendFileSync(path, '2\n')
  assert.deepEqual((await readOn(path, first.position)).values, [{ n: '2' }])
})

test('a file that was written anew with more at its end goes on; with other content it is ERR_INPUT_CHANGED', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'rows.jsonl')
  writeFileSync(path, lines(0, 1000))
  const first = await readOn(path)
  const other = join(directory, 'other.jsonl')
  writeFileSync(other, lines(0, 1001))
  renameSync(other, path)
  assert.deepEqual(numbers((await readOn(path, first.position)).values), [1000])

  // The first KiB is the same, the inode too: only the CRC of what was read tells.
  writeFileSync(path, lines(0, 500) + lines(501, 600))
  await assert.rejects(readOn(path, first.position), {
    code: 'ERR_INPUT_CHANGED',
    message: /rows.jsonl is not the file that was read before: its first \d+ bytes \(1000 rows\) are different/,
  })
  writeFileSync(other, lines(5000, 1001))
  renameSync(other, path)
  await assert.rejects(readOn(path, first.position), { code: 'ERR_INPUT_CHANGED' })
})

test('beyond verifyMaxBytes the same file is trusted by its first KiB', async (t) => {
  const path = join(temporaryDirectory(t), 'rows.jsonl')
  writeFileSync(path, lines(0, 1000))
  const { position } = await readOn(path)
  writeFileSync(path, lines(0, 500) + lines(400, 100) + lines(600, 401))
  assert.deepEqual(numbers((await readOn(path, position, { verifyMaxBytes: 5000 })).values), [1000])
  await assert.rejects(readOn(path, position, { verifyMaxBytes: 50_000 }), { code: 'ERR_INPUT_CHANGED' })
  writeFileSync(path, lines(1, 1001))
  await assert.rejects(readOn(path, position, { verifyMaxBytes: 5000 }), { code: 'ERR_INPUT_CHANGED' })
})

test('a file that has become shorter is ERR_INPUT_TRUNCATED', async (t) => {
  const path = join(temporaryDirectory(t), 'rows.jsonl')
  writeFileSync(path, lines(0, 10))
  const first = await readOn(path)
  truncateSync(path, 20)
  await assert.rejects(readOn(path, first.position), { code: 'ERR_INPUT_TRUNCATED', message: /\(20 bytes\)/ })
})

test('compressed files that were made anew with more rows go on', async (t) => {
  const directory = temporaryDirectory(t)
  for (const [name, compress] of [
    ['rows.jsonl.gz', gzipSync],
    ['rows.jsonl.zst', zstdCompressSync],
  ] as const) {
    const path = join(directory, name)
    writeFileSync(path, compress(lines(0, 3000)))
    const first = await readOn(path)
    unlinkSync(path)
    writeFileSync(path, compress(lines(0, 3002)))
    assert.deepEqual(numbers((await readOn(path, first.position)).values), [3000, 3001])
    writeFileSync(path, compress(lines(1, 3002)))
    await assert.rejects(readOn(path, first.position), { code: 'ERR_INPUT_CHANGED' })
  }
})

test('a compressed file that is damaged or not complete is ERR_INPUT_COMPRESSED', async (t) => {
  const directory = temporaryDirectory(t)
  for (const [name, compress] of [
    ['rows.jsonl.gz', gzipSync],
    ['rows.jsonl.zst', zstdCompressSync],
  ] as const) {
    const path = join(directory, name)
    const whole = compress(lines(0, 3000))
    writeFileSync(path, whole.subarray(0, -9))
    await assert.rejects(readOn(path), { code: 'ERR_INPUT_COMPRESSED', message: /not complete/ })
    writeFileSync(path, 'plain text')
    await assert.rejects(readOn(path), { code: 'ERR_INPUT_COMPRESSED' })
    writeFileSync(path, Buffer.concat([whole, compress(lines(0, 9)).subarray(0, 12)]))
    await assert.rejects(readOn(path), { code: 'ERR_INPUT_COMPRESSED' }, `${name}: the second part is cut off`)
  }
})

test('what cannot be opened names the path', async (t) => {
  const directory = temporaryDirectory(t)
  await assert.rejects(readOn(join(directory, 'none.jsonl')), { code: 'ERR_FILE_NOT_FOUND', message: /none.jsonl/ })
  const inner = join(directory, 'dir.jsonl')
  mkdirSync(inner)
  await assert.rejects(readOn(inner), { code: 'ERR_INPUT_NOT_FILE', message: /dir.jsonl is not a file/ })
})

test('compressed files and JSON arrays cannot be followed: ERR_INPUT_FOLLOW', async (t) => {
  const directory = temporaryDirectory(t)
  for (const name of ['rows.json', 'rows.jsonl.gz']) {
    writeFileSync(join(directory, name), '')
    await assert.rejects(readOn(join(directory, name), null, { follow: true }), { code: 'ERR_INPUT_FOLLOW' })
  }
})

test('a followed file waits for whole lines', async (t) => {
  const path = join(temporaryDirectory(t), 'rows.jsonl')
  writeFileSync(path, '{"n":0}\n{"n"')
  const source = new FileSource({ path, format: 'jsonl', follow: true, waiter: noWait })
  await source.open(null)
  t.after(() => source.close())
  assert.deepEqual(numbers((await readSource(source, 'idle')).values), [0])
  assert.deepEqual((await readSource(source, 'idle')).values, [])
  appendFileSync(path, ':1}\n')
  assert.deepEqual(numbers((await readSource(source, 'idle')).values), [1])
})

test('a followed file that becomes shorter is ERR_INPUT_TRUNCATED', async (t) => {
  const path = join(temporaryDirectory(t), 'rows.jsonl')
  writeFileSync(path, lines(0, 3))
  const source = new FileSource({ path, format: 'jsonl', follow: true, waiter: noWait })
  await source.open(null)
  t.after(() => source.close())
  await readSource(source, 'idle')
  writeFileSync(path, lines(0, 1))
  await assert.rejects(readSource(source, 'idle'), { code: 'ERR_INPUT_TRUNCATED' })
})

test('rotation: the old file is read to its end, then the new one', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'rows.csv')
  const clock = new ManualClock()
  writeFileSync(path, 'n\n0\n')
  const source = new FileSource({ path, format: 'csv', follow: true, waiter: noWait, clock, rotateGraceMs: 1000 })
  await source.open(null)
  t.after(() => source.close())
  const idle = async (): Promise<unknown[]> => (await readSource(source, 'idle')).values
  assert.deepEqual(await idle(), [{ n: '0' }])
  renameSync(path, join(directory, 'rows.csv.1'))
  assert.deepEqual(await idle(), [], 'between rename and create there is no file')
  writeFileSync(path, 'n,m\n2,x\n')
  assert.deepEqual(await idle(), [], 'the writer may still write to the old file')
  appendFileSync(join(directory, 'rows.csv.1'), '1')
  clock.advance(1000)
  assert.deepEqual(await idle(), [{ n: '1' }, { n: '2', m: 'x' }])
  assert.equal(source.rows, 3)
})

test('rotation while stopped: the old file is found by its inode and read to its end first', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'rows.jsonl')
  writeFileSync(path, lines(0, 300))
  const first = await readOn(path, null, { follow: true })
  appendFileSync(path, lines(300, 2))
  renameSync(path, join(directory, 'rows.jsonl.1'))
  writeFileSync(path, lines(302, 3))
  const rest = await readOn(path, first.position, { follow: true, rotateGraceMs: 0 })
  assert.deepEqual(numbers(rest.values), range(300, 5))
  assert.deepEqual((await readOn(path, rest.position, { follow: true })).values, [])
})

test('rotation while stopped, the old file gone: the new one is read, with a warning', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'rows.jsonl')
  writeFileSync(path, lines(0, 3))
  const first = await readOn(path, null, { follow: true })
  // Kept elsewhere, so that its inode is not given to the new file.
  mkdirSync(join(directory, 'kept'))
  renameSync(path, join(directory, 'kept', 'rows.jsonl'))
  writeFileSync(path, lines(7, 2))
  const warnings: string[] = []
  const rest = await readOn(path, first.position, { follow: true, onWarning: (line) => warnings.push(line) })
  assert.deepEqual(numbers(rest.values), [7, 8])
  assert.match(warnings.join(), /no longer in its directory/)
})

test('a copy of the file with more rows, under follow, is not taken for a new file', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'rows.jsonl')
  writeFileSync(path, lines(0, 3))
  const first = await readOn(path, null, { follow: true })
  copyFileSync(path, join(directory, 'copy'))
  appendFileSync(join(directory, 'copy'), lines(3, 1))
  renameSync(join(directory, 'copy'), path)
  assert.deepEqual(numbers((await readOn(path, first.position, { follow: true })).values), [3])
})

test('from every position that was passed, the rest is read exactly once', async (t) => {
  const directory = temporaryDirectory(t)
  for (const name of ['rows.jsonl', 'rows.jsonl.gz']) {
    const path = join(directory, name)
    writeFileSync(path, name.endsWith('gz') ? gzipSync(lines(0, 400)) : lines(0, 400))
    const source = new FileSource({ path, ...formatOf(path), chunkBytes: 512 })
    await source.open(null)
    const batch = new RowBatch()
    while ((await source.next(batch)) !== 'end') {
      const rest = await readOn(path, source.position())
      assert.deepEqual(numbers(rest.values), range(source.rows, 400 - source.rows))
    }
    await source.close()
  }
})
