import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { crc32c } from '../../src/log/crc/crc32c.ts'
import type { Finding, VerifyReport } from '../../src/lsm/finding.ts'
import { FOOTER_BYTES } from '../../src/lsm/format.ts'
import { encodeManifest, fileName, type Manifest, readManifest } from '../../src/lsm/manifest.ts'
import { runToEnd } from '../../src/lsm/open-files.ts'
import { verifyBase } from '../../src/lsm/verify-base.ts'
import { CountingDisk, readFailure } from './counting-disk.ts'
import { bytes, DIRECTORY, newCache, openBaseOn, sortedStore, steps, write, type Change } from './support.ts'

const FILE = `${DIRECTORY}/${fileName(1)}`
const MANIFEST = `${DIRECTORY}/MANIFEST`

function changesOf(count: number): Change[] {
  return Array.from({ length: count }, (_, i) => ({ key: bytes(`user:${i}`), value: bytes(`value of ${i}`) }))
}

function put(disk: MemDisk, path: string, content: Uint8Array): void {
  const file = disk.open(path, 'create')
  file.truncate(0)
  file.write(content, 0)
  file.close()
}

function verify(disk: MemDisk, checkpoint?: number): VerifyReport {
  return runToEnd(verifyBase(disk, DIRECTORY, checkpoint === undefined ? {} : { checkpoint }))
}

function damages(report: VerifyReport): Finding[] {
  return report.findings.filter((finding) => finding.kind === 'damage')
}

function writtenDisk(compression: 'none' | 'zstd' = 'none'): MemDisk {
  const disk = new MemDisk({ tracked: false })
  const base = openBaseOn(disk, { compression })
  const large = { key: bytes('large'), value: new Uint8Array(66_000).fill(7) }
  steps(base.write(1, [], [sortedStore('a', [...changesOf(40), large]), sortedStore('b', changesOf(3))]))
  base.close()
  return disk
}

test('a sound state has no findings, whatever it is made of, and every byte of it was read', () => {
  for (const compression of ['none', 'zstd'] as const) {
    const disk = new MemDisk({ tracked: false })
    const base = openBaseOn(disk, { compression, cache: newCache(1 << 20) })
    write(base, 1, changesOf(30_000))
    base.retain(1, 5)
    write(base, 2, [
      { key: bytes('user:7'), value: null },
      { key: bytes('x'), value: new Uint8Array(70_000).fill(3) },
    ])
    for (let id = 3; id < 12; id++) write(base, id, changesOf(200 * id))
    base.close()
    const report = verify(disk)
    assert.deepEqual(report.findings, [])
    assert.deepEqual(report.checkpoints, [11, 1])
    const sorted = disk.list(DIRECTORY).filter((name) => name.endsWith('.sorted'))
    assert.equal(
      report.bytes,
      sorted.reduce((sum, name) => sum + disk.size(`${DIRECTORY}/${name}`), 0),
    )
    assert.ok(report.entries > 30_000)
    assert.deepEqual(verify(disk, 1).checkpoints, [1])
  }
})

test('a directory without state has nothing to find', () => {
  const report = verify(new MemDisk())
  assert.deepEqual([report.files, report.findings, report.checkpoints], [0, [], []])
})

for (const compression of ['none', 'zstd'] as const) {
  test(`S4: any byte wrong, or missing, is found and named: compression ${compression}`, () => {
    const disk = writtenDisk(compression)
    const good = readFile(disk, FILE)
    assert.deepEqual(verify(disk).findings, [])
    const step = good.length > 20_000 ? 101 : 1
    for (let i = 0; i < good.length; i += step) {
      const bad = good.slice()
      bad[i] = (bad[i] as number) ^ (1 << (i % 8))
      put(disk, FILE, bad)
      const found = damages(verify(disk))
      assert.ok(found.length > 0, `byte ${i}`)
      for (const each of found) {
        assert.equal(each.file, FILE)
        assert.ok(each.position <= good.length)
      }
      put(disk, FILE, good.subarray(0, i))
      assert.ok(damages(verify(disk)).length > 0, `${i} bytes`)
    }
  })
}

test('one damaged block does not hide another one, and positions are those of the blocks', () => {
  const disk = new MemDisk({ tracked: false })
  const base = openBaseOn(disk)
  write(base, 1, changesOf(3000))
  base.close()
  const bad = readFile(disk, FILE)
  bad[100] = (bad[100] as number) ^ 1
  bad[40_000] = (bad[40_000] as number) ^ 1
  put(disk, FILE, bad)
  const found = damages(verify(disk))
  assert.equal(found.length, 2)
  assert.equal(found[0]?.position, 0)
  const second = found[1]?.position ?? 0
  assert.ok(second <= 40_000 && second > 40_000 - 5000)
  assert.deepEqual(
    found.map((finding) => finding.store),
    ['a', 'a'],
  )
})

/** A file of one store, one block and one partition each, changed in one part, with checksums that are right again. */
function reseal(disk: MemDisk, change: (content: Uint8Array) => void): void {
  const content = readFile(disk, FILE)
  const before = content.slice()
  const view = new DataView(content.buffer)
  const metadataAt = Number(view.getBigUint64(content.length - FOOTER_BYTES))
  // The parts: block, index partition of 8 bytes, filter of one line.
  const bloomAt = metadataAt - 64
  change(content)
  const replace = (from: number, to: number, start: number, end: number): void => {
    const old = crc32c(before, from, to)
    const now = crc32c(content, from, to)
    for (let at = start; at + 4 <= end; at++) if (view.getUint32(at) === old) view.setUint32(at, now)
  }
  const blockBytes = bloomAt - 8
  replace(0, blockBytes, blockBytes, bloomAt)
  replace(blockBytes, bloomAt, metadataAt, content.length - FOOTER_BYTES)
  replace(bloomAt, metadataAt, metadataAt, content.length - FOOTER_BYTES)
  const metadataCrc = crc32c(content, metadataAt, content.length - FOOTER_BYTES)
  const footer = content.length - FOOTER_BYTES
  view.setUint32(footer + 16, metadataCrc)
  view.setUint32(footer + 24, crc32c(content, footer, footer + 24))
  put(disk, FILE, content)
  changeManifest(disk, (manifest) => ({
    ...manifest,
    files: manifest.files.map((file) => ({ ...file, checksum: metadataCrc })),
  }))
}

function changeManifest(disk: MemDisk, change: (manifest: Manifest) => Manifest): void {
  put(disk, MANIFEST, encodeManifest(change(readManifest(disk, DIRECTORY) as Manifest)))
}

/** Three entries in a block of 30 bytes: see the golden bytes of the damage test. */
function tiny(): MemDisk {
  const disk = new MemDisk({ tracked: false })
  const base = openBaseOn(disk)
  write(base, 1, [
    { key: bytes('ab'), value: bytes('v') },
    { key: bytes('ac'), value: bytes('w') },
    { key: bytes('b'), value: bytes('') },
  ])
  base.close()
  return disk
}

const DEFECTS: readonly (readonly [what: string, change: (content: Uint8Array) => void, finding: RegExp])[] = [
  ['keys out of order', (content) => void (content[4] = 0x64), /keys in|order|restart|common/],
  ['a filter without a key', (content) => void content.fill(0, content.length - 64), /filter that does not know key/],
  ['an entry that shares too much', (content) => void (content[6] = 3), /shares/],
]

for (const [what, change, finding] of DEFECTS) {
  test(`${what}, with checksums that are right, is found`, () => {
    const disk = tiny()
    assert.deepEqual(verify(disk).findings, [])
    reseal(disk, (content) => {
      const view = new DataView(content.buffer)
      const metadataAt = Number(view.getBigUint64(content.length - FOOTER_BYTES))
      change(content.subarray(0, metadataAt))
    })
    const found = damages(verify(disk))
    assert.ok(found.length > 0)
    assert.match(found.map((each) => each.what).join('\n'), finding)
    assert.ok(found.every((each) => !each.what.includes('checksum')))
  })
}

test('a manifest that says something else than its files is found', () => {
  const changes: readonly [RegExp, (manifest: Manifest) => Manifest][] = [
    [
      /counts or key range differ/,
      (m) => ({ ...m, files: m.files.map((f) => ({ ...f, stores: f.stores.map((s) => ({ ...s, entries: 5 })) })) }),
    ],
    [
      /counts or key range differ/,
      (m) => ({
        ...m,
        files: m.files.map((f) => ({ ...f, stores: f.stores.map((s) => ({ ...s, lastKey: s.firstKey })) })),
      }),
    ],
    [/the manifest says 5/, (m) => ({ ...m, files: m.files.map((f) => ({ ...f, sizeBytes: 5 })) })],
    [/its checksum differs/, (m) => ({ ...m, files: m.files.map((f) => ({ ...f, checksum: 5 })) })],
    [
      /lacks store 'z'/,
      (m) => ({
        ...m,
        files: m.files.map((f) => ({ ...f, stores: [...f.stores, ...f.stores.map((s) => ({ ...s, name: 'z' }))] })),
      }),
    ],
    [/counts or key range differ/, (m) => ({ ...m, files: m.files.map((f) => ({ ...f, stores: [] })) })],
    [/is missing, but checkpoint 1/, (m) => ({ ...m, files: m.files.map((f) => ({ ...f, name: fileName(9) })) })],
  ]
  for (const [what, change] of changes) {
    const disk = tiny()
    changeManifest(disk, change)
    assert.match(
      damages(verify(disk))
        .map((each) => each.what)
        .join('\n'),
      what,
    )
  }
})

test('damaged manifests, of now and retained, are found; what no manifest names is a leftover', () => {
  const disk = writtenDisk()
  const base = openBaseOn(disk)
  base.retain(1, 1)
  base.close()
  put(disk, `${DIRECTORY}/${fileName(77)}`, bytes('half a file'))
  const [leftover, ...none] = verify(disk).findings
  assert.deepEqual([leftover?.kind, leftover?.file, none], ['leftover', `${DIRECTORY}/${fileName(77)}`, []])
  for (const path of [MANIFEST, `${DIRECTORY}/retained/1`]) {
    const good = readFile(disk, path)
    const bad = good.slice()
    bad[good.length >> 1] = (bad[good.length >> 1] as number) ^ 4
    put(disk, path, bad)
    assert.deepEqual(
      damages(verify(disk)).map((finding) => finding.file),
      [path],
    )
    put(disk, path, good)
  }
  disk.remove(MANIFEST)
  assert.deepEqual(
    damages(verify(disk)).map(({ file, what }) => [file, what]),
    [[MANIFEST, 'is missing, and there are sorted files']],
  )
})

test('a read that the disk fails is a finding with the position', () => {
  const counting = new CountingDisk(writtenDisk())
  let reads = 0
  counting.beforeRead = (path) => {
    if (++reads === 3) throw readFailure(path)
  }
  const { findings } = runToEnd(verifyBase(counting.disk, DIRECTORY))
  assert.equal(findings.length, 1)
  assert.match(findings[0]?.what ?? '', /ERR_DISK_IO/)
})

test('beside an owner that writes and merges, nothing is found', () => {
  const disk = new MemDisk({ tracked: false })
  const owner = openBaseOn(disk)
  for (let id = 1; id <= 3; id++) write(owner, id, changesOf(500 * id))
  const work = verifyBase(disk, DIRECTORY)
  for (let id = 4; ; id++) {
    const step = work.next()
    if (step.done === true) {
      assert.deepEqual(
        step.value.findings.filter((finding) => finding.kind === 'damage'),
        [],
      )
      break
    }
    if (id < 20) write(owner, id, changesOf(500))
  }
  owner.close()
})
