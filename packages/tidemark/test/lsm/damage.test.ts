import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { readFile } from '../../src/disk/disk.ts'
import { isTidemarkError, type TidemarkError } from '../../src/errors/error.ts'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { crc32c } from '../../src/log/crc/crc32c.ts'
import type { Compression } from '../../src/lsm/codec.ts'
import { FOOTER_BYTES } from '../../src/lsm/format.ts'
import { decodeManifest, encodeManifest, fileName } from '../../src/lsm/manifest.ts'
import { runToEnd } from '../../src/lsm/open-files.ts'
import { SortedFile } from '../../src/lsm/sorted-file.ts'
import {
  DIRECTORY,
  expectSame,
  key,
  newCache,
  openBaseOn,
  steps,
  sortedStore,
  type Change,
  type Model,
} from './support.ts'
import { applyTo, hex, write } from './support.ts'

const FILE = `${DIRECTORY}/${fileName(1)}`
const MANIFEST = `${DIRECTORY}/MANIFEST`

const CHANGES: readonly Change[] = [
  ...Array.from({ length: 40 }, (_, i) => ({ key: key(`user:${i}`), value: key(`value ${i}`) })),
  { key: key('large'), value: new Uint8Array(66_000).fill(7) },
]

/** A base with one file: two stores, one of them with a large value. */
function written(changes: readonly Change[] = CHANGES, compression: Compression = 'none'): MemDisk {
  const disk = new MemDisk({ tracked: false })
  const base = openBaseOn(disk, { compression })
  steps(base.write(1, [], [sortedStore('a', changes), sortedStore('b', changes.slice(0, 3))]))
  base.close()
  return disk
}

function put(disk: MemDisk, path: string, content: Uint8Array): void {
  const file = disk.open(path, 'create')
  file.truncate(0)
  file.write(content, 0)
  file.close()
}

/** Opens and reads everything, and checks it against the truth; the error if there is one. */
function readAll(disk: MemDisk, resident: boolean, changes: readonly Change[]): TidemarkError | null {
  const a: Model = new Map()
  const b: Model = new Map()
  applyTo(a, changes)
  applyTo(b, changes.slice(0, 3))
  try {
    const base = openBaseOn(disk, { resident })
    try {
      expectSame(base, a)
      expectSame(base, b, 'b')
    } finally {
      base.close()
    }
    return null
  } catch (error) {
    if (!isTidemarkError(error)) throw error
    return error
  }
}

function expectCorrupt(error: TidemarkError | null, path: string, what: string): void {
  assert.equal(error?.code, 'ERR_STATE_CORRUPT', what)
  assert.equal(error.details['file'], path, what)
  assert.match(error.message, /at byte \d+/)
}

test('S4: a compressed file with any bit wrong, or cut off, is ERR_STATE_CORRUPT, never served', () => {
  const small = CHANGES.slice(0, 40)
  for (const resident of [false, true]) {
    const disk = written(small, 'zstd')
    const good = readFile(disk, FILE)
    assert.ok(good.length < readFile(written(small), FILE).length)
    assert.equal(readAll(disk, resident, small), null)
    for (let i = 0; i < good.length; i++) {
      const bad = good.slice()
      bad[i] = (bad[i] as number) ^ (1 << (i % 8))
      put(disk, FILE, bad)
      expectCorrupt(readAll(disk, resident, small), FILE, `byte ${i}`)
      put(disk, FILE, good.subarray(0, i))
      expectCorrupt(readAll(disk, resident, small), FILE, `${i} bytes`)
    }
  }
})

for (const resident of [false, true]) {
  test(`S4: a sorted file with any bit wrong is ERR_STATE_CORRUPT, never served (resident: ${resident})`, () => {
    const small = CHANGES.slice(0, 40)
    const disk = written(small)
    const good = readFile(disk, FILE)
    assert.equal(readAll(disk, resident, small), null)
    for (let i = 0; i < good.length; i++) {
      for (const bit of [i % 8, (i + 3) % 8]) {
        const bad = good.slice()
        bad[i] = (bad[i] as number) ^ (1 << bit)
        put(disk, FILE, bad)
        expectCorrupt(readAll(disk, resident, small), FILE, `byte ${i}, bit ${bit}`)
      }
    }
  })

  test(`a sorted file that is cut off is ERR_STATE_CORRUPT (resident: ${resident})`, () => {
    const small = CHANGES.slice(0, 40)
    const disk = written(small)
    const good = readFile(disk, FILE)
    for (let length = 0; length < good.length; length++) {
      put(disk, FILE, good.subarray(0, length))
      expectCorrupt(readAll(disk, resident, small), FILE, `${length} bytes`)
    }
    put(disk, FILE, new Uint8Array([...good, 0]))
    expectCorrupt(readAll(disk, resident, small), FILE, 'one byte more')
  })

  test(`damage in a large value is ERR_STATE_CORRUPT (resident: ${resident})`, () => {
    const disk = written()
    const good = readFile(disk, FILE)
    assert.equal(readAll(disk, resident, CHANGES), null)
    for (let i = 0; i < good.length; i += 997) {
      const bad = good.slice()
      bad[i] = (bad[i] as number) ^ 16
      put(disk, FILE, bad)
      expectCorrupt(readAll(disk, resident, CHANGES), FILE, `byte ${i}`)
    }
  })
}

test('a sorted file alone, without a manifest to say what it should be, gives itself away too', () => {
  const disk = written(CHANGES.slice(0, 40))
  const good = readFile(disk, FILE)
  const open = (): SortedFile => runToEnd(SortedFile.open({ disk, path: FILE, cache: newCache(), resident: true }))
  open().release()
  for (let i = 0; i < good.length; i++) {
    const bad = good.slice()
    bad[i] = (bad[i] as number) ^ (1 << (i % 8))
    put(disk, FILE, bad)
    assert.throws(open, { code: 'ERR_STATE_CORRUPT' }, `byte ${i}`)
    put(disk, FILE, good.subarray(0, i))
    assert.throws(open, { code: 'ERR_STATE_CORRUPT' }, `${i} bytes`)
  }
})

test('a merge that finds damage writes nothing of it: the files stay as they are', () => {
  const changes = Array.from({ length: 400 }, (_, i) => ({ key: key(`k${i}`), value: key(`value ${i}`) }))
  for (const at of [10, 5000]) {
    const disk = new MemDisk({ tracked: false })
    const base = openBaseOn(disk, { cache: newCache(0) })
    for (let id = 1; id <= 3; id++) write(base, id, changes)
    const bad = readFile(disk, FILE)
    bad[at] = (bad[at] as number) ^ 1
    put(disk, FILE, bad)
    assert.throws(() => write(base, 4, changes), { code: 'ERR_STATE_CORRUPT', message: /0000000001\.sorted/ })
    assert.deepEqual([base.id, base.statistics().files], [4, 4])
    assert.throws(() => write(base, 5, changes), { code: 'ERR_STATE_CORRUPT' }, 'nothing more is written')
  }
})

test('another sorted file under the right name is ERR_STATE_CORRUPT', () => {
  const disk = written()
  const other = written(CHANGES.map((change) => ({ key: change.key, value: change.value?.map((b) => b ^ 1) ?? null })))
  const content = readFile(other, FILE)
  assert.equal(content.length, disk.size(FILE))
  put(disk, FILE, content)
  expectCorrupt(readAll(disk, false, CHANGES), FILE, 'other content')
})

test('C5: a referenced file that is missing is ERR_STATE_CORRUPT that names it', () => {
  for (const readOnly of [false, true]) {
    const disk = written()
    disk.remove(FILE)
    assert.throws(() => openBaseOn(disk, { readOnly }), {
      code: 'ERR_STATE_CORRUPT',
      message: /0000000001\.sorted is missing, but checkpoint 1 is made of it/,
    })
  }
})

test('sorted files without a manifest are ERR_STATE_CORRUPT, and stay', () => {
  for (const readOnly of [false, true]) {
    const disk = written()
    disk.remove(MANIFEST)
    assert.throws(() => openBaseOn(disk, { readOnly }), { code: 'ERR_STATE_CORRUPT', message: /MANIFEST is missing/ })
    assert.ok(disk.exists(FILE))
  }
})

test('a manifest with any bit wrong, cut off or longer is ERR_STATE_CORRUPT', () => {
  const disk = written(CHANGES.slice(0, 5))
  const good = readFile(disk, MANIFEST)
  for (let i = 0; i < good.length; i++) {
    for (let bit = 0; bit < 8; bit++) {
      const bad = good.slice()
      bad[i] = (bad[i] as number) ^ (1 << bit)
      put(disk, MANIFEST, bad)
      assert.throws(() => openBaseOn(disk), { code: 'ERR_STATE_CORRUPT' }, `byte ${i}, bit ${bit}`)
    }
    put(disk, MANIFEST, good.subarray(0, i))
    assert.throws(() => openBaseOn(disk), { code: 'ERR_STATE_CORRUPT' }, `${i} bytes`)
  }
  put(disk, MANIFEST, new Uint8Array([...good, 10]))
  assert.throws(() => openBaseOn(disk), { code: 'ERR_STATE_CORRUPT' })
  assert.ok(disk.exists(FILE), 'nothing is removed when the manifest cannot be trusted')
})

test('a file of a later format is ERR_FORMAT_NEWER', () => {
  const disk = written()
  const content = readFile(disk, FILE)
  const view = new DataView(content.buffer, content.length - FOOTER_BYTES)
  view.setUint32(20, 3)
  view.setUint32(24, crc32c(content, content.length - FOOTER_BYTES, content.length - FOOTER_BYTES + 24))
  put(disk, FILE, content)
  assert.equal(readAll(disk, false, CHANGES)?.code, 'ERR_FORMAT_NEWER')
})

test('a file of a format that is not read any more is ERR_FORMAT_OLDER, and stays', () => {
  const disk = written()
  const content = readFile(disk, FILE)
  const view = new DataView(content.buffer, content.length - FOOTER_BYTES)
  view.setUint32(20, 1)
  view.setUint32(24, crc32c(content, content.length - FOOTER_BYTES, content.length - FOOTER_BYTES + 24))
  put(disk, FILE, content)
  assert.equal(readAll(disk, false, CHANGES)?.code, 'ERR_FORMAT_OLDER')
  assert.ok(disk.exists(FILE))
})

test('a manifest of a later format is ERR_FORMAT_NEWER', () => {
  const disk = written()
  const text = new TextDecoder().decode(encodeManifest(decodeManifest(readFile(disk, MANIFEST), MANIFEST)))
  const body = key(text.slice(text.indexOf('\n') + 1))
  const crc = crc32c(body, 0, body.length, crc32c(key(`tidemark-manifest 3 ${body.length}\n`)))
  put(
    disk,
    MANIFEST,
    key(`tidemark-manifest 3 ${crc.toString(16).padStart(8, '0')} ${body.length}\n${new TextDecoder().decode(body)}`),
  )
  assert.equal(readAll(disk, false, CHANGES)?.code, 'ERR_FORMAT_NEWER')
  assert.ok(disk.exists(FILE))
})

/** The one line of a filter, as the documentation says it. */
function bloomLine(keys: readonly string[]): Uint8Array {
  const line = new Uint8Array(64)
  const low32 = (value: bigint): bigint => BigInt.asUintN(32, value)
  for (const name of keys) {
    let h = low32(BigInt(murmur2(key(name))))
    h = low32((h ^ (h >> 16n)) * 0x85ebca6bn)
    h = low32((h ^ (h >> 13n)) * 0xc2b2ae35n)
    const g = low32((h ^ (h >> 16n)) * 0x9e3779b1n)
    for (let i = 0n; i < 6n; i++) {
      const bit = Number(((g >> 23n) + i * (((g >> 9n) & 511n) | 1n)) % 512n)
      line[bit >> 3] = (line[bit >> 3] as number) | (1 << (bit & 7))
    }
  }
  return line
}

test('format version 2 is these bytes: whoever changes them makes a version 3', () => {
  const disk = new MemDisk({ tracked: false })
  const base = openBaseOn(disk)
  write(base, 1, [{ key: key('ac'), value: key('old') }])
  write(base, 2, [
    { key: key('ab'), value: key('v') },
    { key: key('ac'), value: null },
    { key: key('b'), value: new Uint8Array(0) },
  ])
  const golden = [
    // Entries: shared, unshared, tag, rest of the key, value.
    '00 02 03 6162 76',
    '01 01 00 63',
    '00 01 02 62',
    // One restart: the next bytes of "ab" after the 0 that all keys share, and its position; common, restarts.
    '61620000 00000000 00000000 00000001',
    // Index partition: no separator, at 0, 30 bytes, as they are.
    '00 00 1e 00 CRC0',
    'BLOOM',
    // Metadata: one section "a" of 3 entries, 1 deletion, keys "ab" to "b", interval 8, no large values, 30 bytes stored,
    // 30 before compression; one partition: no separator, at 30, 8 bytes, 1 block; filter: 1 line, 2^8 to a part, at 38.
    '01 0161 03 01 026162 0162 08 00 1e 1e 01 00 1e 08 01 CRC1 01 08 26 CRC2',
  ]
  const content = readFile(disk, `${DIRECTORY}/${fileName(2)}`)
  const crcOf = (start: number, end: number): string => crc32c(content, start, end).toString(16).padStart(8, '0')
  const body = golden
    .join('')
    .replaceAll(' ', '')
    .replace('CRC0', crcOf(0, 30))
    .replace('BLOOM', hex(bloomLine(['ab', 'ac', 'b'])))
    .replace('CRC1', crcOf(30, 38))
    .replace('CRC2', crcOf(38, 102))
  assert.equal(hex(content).slice(0, body.length), body)
  const length = (body.length / 2 - 102).toString(16).padStart(16, '0')
  const footer = `${(102).toString(16).padStart(16, '0')}${length}${crcOf(102, body.length / 2)}00000002`
  const footerCrc = crc32c(Buffer.from(footer, 'hex')).toString(16).padStart(8, '0')
  assert.equal(hex(content).slice(body.length), `${footer}${footerCrc}${hex(key('TMSORTED'))}`)
})
