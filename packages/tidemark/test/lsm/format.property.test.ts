import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { fileName } from '../../src/lsm/manifest.ts'
import { readSortedFile } from './other-reader.ts'
import { anyChange, applyTo, bytes, DIRECTORY, hex, openBaseOn, scan, steps, write } from './support.ts'
import { sortedStore, type Change, type Model } from './support.ts'

for (const compression of ['none', 'zstd'] as const) {
  test(`a reader written from the documentation reads what is written, compression ${compression}`, () => {
    fc.assert(
      fc.property(fc.array(anyChange, { minLength: 1, maxLength: 200 }), (changes) => {
        const disk = new MemDisk({ tracked: false })
        const base = openBaseOn(disk, { compression })
        // The first file makes deletions in the second one count.
        write(
          base,
          1,
          changes.map(({ key }) => ({ key, value: bytes('before') })),
        )
        steps(base.write(2, [], [sortedStore('a', changes), sortedStore('é b', changes)]))
        const [a] = readSortedFile(Buffer.from(readFile(disk, `${DIRECTORY}/${fileName(2)}`)))
        const last = new Map(changes.map((change) => [hex(change.key), change.value]))
        const expected = [...last].sort(([x], [y]) => (x < y ? -1 : 1))
        assert.deepEqual(
          a?.entries.map((entry) => [hex(entry.key), entry.value === null ? null : hex(entry.value)]),
          expected.map(([key, value]) => [key, value === null ? null : hex(value)]),
        )
        for (const key of last.keys()) assert.ok(a?.mayHold(murmur2(Buffer.from(key, 'hex'))))
        base.close()
      }),
      { numRuns: 60 },
    )
  })
}

/** Entries that make many blocks, several index partitions and many partitions of the filter. */
function many(count: number): Change[] {
  return Array.from({ length: count }, (_, i) => ({
    key: bytes(`${String(i * 7919).padStart(12, '0')}-with-some-length`),
    value: bytes(JSON.stringify({ number: i, name: `name ${i % 100}`, more: 'x'.repeat(300) })),
  }))
}

for (const compression of ['none', 'zstd'] as const) {
  test(`both readers agree on a file of several partitions, compression ${compression}`, () => {
    const disk = new MemDisk({ tracked: false })
    const base = openBaseOn(disk, { compression })
    const changes = many(6000)
    write(base, 1, changes)
    const model: Model = new Map()
    applyTo(model, changes)
    const file = readFile(disk, `${DIRECTORY}/${fileName(1)}`)
    const [section] = readSortedFile(Buffer.from(file))
    assert.deepEqual(
      section?.entries.map((entry) => [hex(entry.key), hex(entry.value as Buffer)]),
      scan(base),
    )
    assert.equal(section?.entries.length, 6000)
    if (compression === 'none') {
      assert.equal(section?.compressedBlocks, 0)
      assert.ok((section?.partitions ?? 0) > 1)
    } else {
      assert.ok((section?.compressedBlocks ?? 0) > 100)
      assert.ok(file.length < 6000 * 120, `${file.length} bytes: is anything compressed?`)
    }
    let passed = 0
    for (let i = 0; i < 2000; i++) if (section?.mayHold(murmur2(bytes(`absent ${i}`)))) passed++
    assert.ok(passed < 60, `${passed} of 2000 absent keys pass`)
    base.close()
  })
}

test('values that cannot be compressed are stored as they are', () => {
  let state = 1
  const random = (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state >>> 24
    })
  const changes = [
    ...Array.from({ length: 50 }, (_, i) => ({ key: random(8), value: random(1000 + i) })),
    { key: bytes('large'), value: random(70_000) },
  ]
  const disk = new MemDisk({ tracked: false })
  const base = openBaseOn(disk, { compression: 'zstd' })
  write(base, 1, changes)
  const [section] = readSortedFile(Buffer.from(readFile(disk, `${DIRECTORY}/${fileName(1)}`)))
  assert.equal(section?.compressedBlocks, 0)
  const model: Model = new Map()
  applyTo(model, changes)
  assert.equal(scan(base).length, model.size)
  base.close()
})

test('compression may be chosen by store, and changed: files are read however they were written', () => {
  const disk = new MemDisk({ tracked: false })
  const changes = many(300)
  const base = openBaseOn(disk, { compression: { stores: { b: 'zstd' }, other: 'none' } })
  steps(base.write(1, [], [sortedStore('a', changes), sortedStore('b', changes)]))
  base.close()
  const [a, b] = readSortedFile(Buffer.from(readFile(disk, `${DIRECTORY}/${fileName(1)}`)))
  assert.equal(a?.compressedBlocks, 0)
  assert.ok((b?.compressedBlocks ?? 0) > 0)
  const other = openBaseOn(disk, { compression: { stores: { a: 'zstd' }, other: 'none' } })
  assert.deepEqual(scan(other, {}, 'a'), scan(other, {}, 'b'))
  const { stores } = other.statistics()
  assert.ok((stores?.[1]?.bytes ?? 0) < (stores?.[0]?.bytes ?? 0) / 2)
  assert.equal(stores?.[0]?.bytes, stores?.[0]?.plainBytes)
  other.close()
})
