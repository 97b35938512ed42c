import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { openEngine } from '../../src/engines/engine.ts'
import { assertEngine, type Engine, engineNames, ENGINES, registerEngine } from '../../src/engines/registry.ts'
import { BINDINGS, loadBinding } from '../../src/engines/load-binding.ts'
import { decodeMeta, META_KEY } from '../../src/engines/native-meta.ts'
import { nativeError } from '../../src/engines/native-error.ts'
import { NATIVE_ENGINES } from '../../src/engines/native.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import { bytesOf, readBase, settle, sortedChanges } from '../../src/testing/base-model.ts'
import type { Base } from '../../src/store/types.ts'
import { seal } from '../../src/engines/value-sums.ts'
import { Places } from './places.ts'

const places = new Places()
after(() => places.remove())

const cache = new BlockCache({ capacityBytes: 64 * 1024, poisons: true })

function open(engine: Engine, directory: string): Base | Promise<Base> {
  return openEngine(engine, { disk: nodeDisk, directory, cache })
}

test('an unknown engine is refused with the nearest name', () => {
  assert.throws(() => assertEngine('rocskdb', 'store visits'), {
    code: 'ERR_ENGINE_UNKNOWN',
    message: /store visits.*"rocskdb".*"rocksdb"/,
  })
  assert.throws(() => open('oracle', places.place()), { code: 'ERR_ENGINE_UNKNOWN' })
})

test('an engine is registered by name, and then opened by it', async () => {
  registerEngine({ name: 'my-engine', open: (options) => openLsmBase(options) })
  assert.ok(engineNames().includes('my-engine'))
  const base = await open('my-engine', places.place())
  await settle(base.write(1, [], [sortedChanges('a', [{ key: bytesOf('k'), value: bytesOf('v') }])]))
  assert.equal(readBase(base, 'a', bytesOf('k')), '76')
  base.close()
})

test('names of ours, and names that cannot be directories, cannot be registered', () => {
  for (const name of ['lsm', 'rocksdb', 'files', 'shadow', '', 'a/b', '..', 'Upper', '9lives']) {
    assert.throws(
      () => registerEngine({ name, open: (options) => openLsmBase(options) }),
      { code: 'ERR_ENGINE_NAME' },
      name,
    )
  }
})

for (const engine of NATIVE_ENGINES) {
  test(`${engine}: without its package the error has the command that installs it`, () => {
    const { name, version } = BINDINGS[engine]
    const missing = (): never => {
      throw Object.assign(new Error(`Cannot find module '${name}'\nRequire stack: ...`), { code: 'MODULE_NOT_FOUND' })
    }
    assert.throws(
      () => loadBinding(engine, missing),
      (error: Error) => {
        assert.equal((error as Error & { code: string }).code, 'ERR_ENGINE_MISSING')
        assert.ok(error.message.includes(`npm install ${name}@${version}`), error.message)
        assert.ok(!error.message.includes('\n'))
        return true
      },
    )
  })

  test(`${engine}: the version in the error is the one that is tested`, () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      readonly devDependencies: Readonly<Record<string, string>>
    }
    assert.equal(manifest.devDependencies[BINDINGS[engine].name], BINDINGS[engine].version)
  })

  test(`${engine}: ERR_CHECKPOINT_ENGINE: it keeps the newest state only, a shadow beside it the rest`, async () => {
    const options = { disk: nodeDisk, directory: places.place(), cache, readOnly: true, checkpoint: 3 }
    await assert.rejects(Promise.resolve(openEngine(engine, options)), { code: 'ERR_CHECKPOINT_ENGINE', message: /3/ })
  })

  test(`${engine}: a simulated disk is refused`, async () => {
    const opening = openEngine(engine, { disk: new MemDisk(), directory: '/state/0', cache })
    await assert.rejects(Promise.resolve(opening), { code: 'ERR_ENGINE_DISK' })
  })

  test(`${engine}: a base by the same owner in the same directory waits for the one that is closing`, async () => {
    const place = places.place()
    for (let id = 1; id <= 5; id++) {
      const base = await open(engine, place)
      assert.equal(base.id, id - 1)
      await settle(base.write(id, [], []))
      base.close()
    }
  })
}

test('a database that is open elsewhere is refused', async () => {
  const place = places.place()
  const base = await open('rocksdb', place)
  await assert.rejects(Promise.resolve(open('rocksdb', place)), {
    code: 'ERR_ENGINE_LOCKED',
    message: /rocksdb cannot open/,
  })
  base.close()
})

for (const engine of ['rocksdb', 'leveldb'] as const) {
  test(`${engine}: a damaged database is named and not served`, async () => {
    const place = places.place()
    const base = await open(engine, place)
    const changes = Array.from({ length: 1000 }, (_, i) => ({ key: bytesOf(`key ${i}`), value: bytesOf('value') }))
    await settle(base.write(1, [], [sortedChanges('a', changes)]))
    const copy = places.copy(place)
    base.close()
    const manifest = readdirSync(copy).find((name) => name.startsWith('MANIFEST')) ?? assert.fail('there is a manifest')
    const bytes = readFileSync(join(copy, manifest))
    bytes[12] = (bytes[12] as number) ^ 255
    writeFileSync(join(copy, manifest), bytes)
    await assert.rejects(Promise.resolve(open(engine, copy)), { code: 'ERR_STATE_CORRUPT', message: new RegExp(copy) })
  })
}

test('a meta that is damaged, or of another version, is refused', () => {
  const plain = (text: string): unknown => decodeMeta(bytesOf(text), '/state/0', false)
  const sealed = (text: string): unknown => {
    const bytes = new Uint8Array([...META_KEY, ...bytesOf(text), 0, 0, 0, 0])
    seal(bytes, 0, bytes.length)
    return decodeMeta(bytes.subarray(META_KEY.length), '/state/0', true)
  }
  assert.deepEqual(plain('{"version":1,"id":7,"descriptors":[],"stores":[]}'), { id: 7, descriptors: [], stores: [] })
  assert.throws(() => plain('{"version":1,"id":'), { code: 'ERR_STATE_CORRUPT' })
  assert.throws(() => plain('{"version":1,"id":"7"}'), { code: 'ERR_STATE_CORRUPT' })
  assert.throws(() => plain('{"version":9}'), { code: 'ERR_FORMAT_NEWER' })
  assert.deepEqual(sealed('{"version":2,"id":7,"descriptors":[],"stores":[]}'), { id: 7, descriptors: [], stores: [] })
  assert.throws(() => sealed('{"version":2,"id":"7"}'), { code: 'ERR_STATE_CORRUPT' })
  assert.throws(() => sealed('{"version":3}'), { code: 'ERR_FORMAT_NEWER' })
  const without = (text: string): unknown => decodeMeta(bytesOf(text), '/state/0', true)
  assert.throws(() => without('{"version":2,"id":7,"descriptors":[],"stores":[]}'), { code: 'ERR_STATE_CORRUPT' })
  assert.throws(() => without('{"version":1,"id":7,"descriptors":[],"stores":[]}'), {
    code: 'ERR_FORMAT_OLDER',
    message: /\/state\/0 has format version 1/,
  })
})

test('what a package throws becomes an error that says what to do', () => {
  const of = (message: string, cause?: Error): string =>
    nativeError('leveldb', 'write', '/state/0', new Error(message, { cause })).code
  assert.equal(of('IO error: /state/0/5.log: No space left on device'), 'ERR_DISK_FULL')
  assert.equal(of('Database failed to open', new Error('Corruption: checksum mismatch')), 'ERR_STATE_CORRUPT')
  assert.equal(of('Permission denied'), 'ERR_DISK_ACCESS')
  assert.equal(of('IO error: Input/output error'), 'ERR_ENGINE')
})

test('no package is loaded before an engine needs it', async () => {
  const { spawnSync } = await import('node:child_process')
  const engines = new URL('../../src/engines/engine.ts', import.meta.url).href
  const program = `await import(${JSON.stringify(engines)})
    const { createRequire } = await import('node:module')
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => /rocksdb|level|lmdb/.test(path))
    const maps = (await import('node:fs')).readFileSync('/proc/self/maps', 'utf8')
    process.stdout.write(JSON.stringify({ loaded, native: /(rocksdb|classic-level|lmdb)[^\\n]*\\.node/.test(maps) }))`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  if (!existsSync('/proc/self/maps')) return
  assert.deepEqual(JSON.parse(child.stdout), { loaded: [], native: false }, child.stderr)
})

test('every engine of the list can be opened', async () => {
  for (const engine of ENGINES) (await open(engine, places.place())).close()
})
