import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { openShadow } from '../../src/engines/open-shadow.ts'
import { shadowDirectory } from '../../src/engines/placement.ts'
import { ShadowedBase } from '../../src/engines/shadowed-base.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { type LsmBase, openLsmBase } from '../../src/lsm/lsm-base.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import type { Base } from '../../src/store/types.ts'
import { WindowStore } from '../../src/store/window-store.ts'
import { bytesOf, scanBase, sortedChanges } from '../../src/testing/base-model.ts'
import { DESCRIPTORS } from '../../src/testing/conformance-bench.ts'
import { drain, Harness, windowSpec } from '../store/harness.ts'
import { MapBase } from '../store/map-base.ts'

const HOUR = 3_600_000

function open(
  disk: MemDisk,
  main: Base,
  follow: boolean,
): { readonly base: ShadowedBase; readonly shadow: () => LsmBase } {
  let shadow: LsmBase | null = null
  const directory = shadowDirectory('/state/0')
  const base = new ShadowedBase({
    main,
    disk,
    directory,
    openShadow: () => {
      shadow = openLsmBase({ disk, directory, cache: new BlockCache({ capacityBytes: 1 << 18, poisons: true }) })
      return shadow
    },
    shadow: null,
    follow,
    fillEntries: 100,
    failpoint: () => {},
  })
  return { base, shadow: () => shadow as unknown as LsmBase }
}

function rows(from: number, count: number, text: string): ReturnType<typeof sortedChanges> {
  const key = (i: number): Uint8Array => bytesOf(`key ${String(i).padStart(5, '0')}`)
  return sortedChanges(
    'a',
    Array.from({ length: count }, (_, i) => ({ key: key(from + i), value: bytesOf(text) })),
  )
}

test('windows that have expired go as whole files of the shadow, and by deletions in the engine (L5)', () => {
  const spec = windowSpec('visits', string(), uint(), { windowSizeMs: HOUR, retentionMs: 8 * HOUR })
  const { base, shadow } = open(new MemDisk(), new MapBase(), true)
  const harness = new Harness([spec], { base })
  const store = new WindowStore<string, number>(harness.state.store('visits'))
  for (let hour = 0; hour < 40; hour++) {
    for (let user = 0; user < 10; user++) store.put(`user${user}`, hour * HOUR, hour)
    while (store.expire((hour + 1) * HOUR)) continue
    harness.commit()
    drain(harness.state.flush())
  }
  assert.equal(shadow().expiredBefore('visits'), 32 * HOUR)
  const files = shadow().statistics()
  assert.ok(files.files <= 12, `${files.files} files for 8 hours`)
  assert.equal(files.deletions, 0, 'the deletions that the engine needs leave nothing behind')
  assert.equal(scanBase(shadow(), 'visits').length, 80)
  harness.state.close()
})

test('what only brings a shadow up is not written to the engine, and goes on beside writes to both (K6)', () => {
  const disk = new MemDisk()
  const main = new MapBase()
  drain(main.write(1, DESCRIPTORS, [rows(0, 1000, 'old')]))
  const { base, shadow } = open(disk, main, true)
  assert.equal(base.ready, false)
  assert.equal(base.wantsWrite, true)
  const scans = main.scans
  drain(base.write(1, DESCRIPTORS, []))
  assert.equal(main.scans - scans, 1, 'one batch')
  assert.equal(shadow().id, 0, 'it is the state of no checkpoint')
  assert.equal(scanBase(shadow(), 'a').length, 100)
  for (let id = 2; !base.ready; id++) drain(base.write(id, DESCRIPTORS, [rows(id * 90, 20, `new ${id}`)]))
  assert.equal(shadow().id, base.id)
  assert.deepEqual(scanBase(shadow(), 'a'), scanBase(main, 'a'))
  assert.equal(base.wantsWrite, false)
})

test('after a pause only what differs is written, and the files of what was kept stay (C5, K6)', () => {
  const disk = new MemDisk()
  const { base, shadow } = open(disk, new MapBase(), false)
  drain(base.write(1, DESCRIPTORS, [rows(0, 2000, 'old')]))
  base.want(true)
  while (!base.ready) drain(base.write(1, DESCRIPTORS, []))
  base.retain(1, 0)
  base.want(false)
  drain(base.write(2, DESCRIPTORS, [rows(500, 3, 'new')]))
  assert.equal(shadow().id, 0, 'the engine has gone on alone')
  const before = new Set(shadow().manifest.files.map(({ name }) => name))
  base.want(true)
  while (!base.ready) drain(base.write(2, DESCRIPTORS, []))
  base.retain(2, 0)
  base.want(false)
  const added = shadow().manifest.files.filter(({ name }) => !before.has(name))
  assert.equal(
    added.reduce((sum, { stores }) => sum + (stores[0]?.entries ?? 0), 0),
    3,
  )
  assert.deepEqual(
    base.retained().map(({ id }) => id),
    [1, 2],
  )
  base.release(1)
  base.release(2)
  assert.deepEqual(
    disk.list(shadowDirectory('/state/0')).filter((name) => name !== 'retained'),
    [],
  )
})

test('a file that a merge made after its shadow was removed does not keep the next one from being made', () => {
  const disk = new MemDisk()
  const directory = shadowDirectory('/state/0')
  disk.makeDirectory(directory)
  disk.open(`${directory}/0000000007-3.sorted`, 'create').close()
  const options = { disk, directory: '/state/0', cache: new BlockCache({ capacityBytes: 1 << 18 }) }
  const shadow = openShadow(options)
  assert.equal(shadow.id, 0)
  assert.deepEqual(disk.list(directory), ['MANIFEST'])
  shadow.close()
})
