import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { openEngine } from '../../src/engines/engine.ts'
import { NATIVE_ENGINES } from '../../src/engines/native.ts'
import { enginesClosed } from '../../src/engines/closing.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { runWaiting } from '../../src/lsm/open-files.ts'
import type { Base } from '../../src/store/types.ts'
import { applyTo, type Change, expectSame, key, type Model, newCache, sortedStore } from '../lsm/support.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-engine-full-'))

/** Mounts a file system of 12 MiB, or says why that cannot be done here. */
function mount(point: string): string | null {
  mkdirSync(point)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', point], { stdio: 'pipe' })
    return null
  } catch (error) {
    return `no small file system can be mounted here: ${(error as Error).message.split('\n')[0]}`
  }
}

const points = new Map(NATIVE_ENGINES.map((engine) => [engine, join(root, engine)]))
const reasons = new Map([...points].map(([engine, point]) => [engine, mount(point)]))

after(() => {
  for (const [engine, point] of points) if (reasons.get(engine) === null) execFileSync('umount', ['-l', point])
  rmSync(root, { recursive: true, force: true })
})

/** About a MiB, with keys of its own. */
function changesOf(id: number): Change[] {
  return Array.from({ length: 1000 }, (_, i) => ({ key: key(`${id}:${i}`), value: key(`${id} `.repeat(300)) }))
}

const MOST_WRITES = 40

for (const engine of NATIVE_ENGINES) {
  const point = points.get(engine) as string
  test(`ERR_DISK_FULL: ${engine} stops by name, what it had can be read, and it goes on when there is space (C6)`, {
    skip: reasons.get(engine) ?? false,
  }, async () => {
    const directory = join(point, 'state')
    const open = async (): Promise<Base> => openEngine(engine, { disk: nodeDisk, directory, cache: newCache() })
    const models: Model[] = [new Map()]
    const write = async (base: Base, id: number): Promise<void> => {
      const model = new Map(models[id - 1])
      applyTo(model, changesOf(id))
      models[id] = model
      await runWaiting(base.write(id, [], [sortedStore('a', changesOf(id))]))
    }
    const first = await open()
    let id = 0
    let failure: unknown = null
    while (failure === null && id < MOST_WRITES) {
      id++
      failure = await write(first, id).then(
        () => null,
        (error: unknown) => error,
      )
    }
    assert.ok(isTidemarkError(failure, 'ERR_DISK_FULL'), String(failure))
    assert.match(failure.message, /Free space/)
    assert.equal(first.id, id - 1, 'a write that failed is not there')
    expectSame(first, models[id - 1] as Model)
    await assert.rejects(write(first, id), { code: 'ERR_DISK_FULL' }, 'not before it is opened again')
    first.close()
    await enginesClosed()

    execFileSync('mount', ['-o', 'remount,size=128m', point])
    const second = await open()
    assert.ok(second.id === id - 1 || second.id === id, 'all of a write or nothing of it')
    expectSame(second, models[second.id] as Model)
    let last = second.id
    for (let more = 0; more < 3; more++) await write(second, ++last)
    expectSame(second, models[last] as Model)
    second.close()
    await enginesClosed()
    const third = await open()
    assert.equal(third.id, last)
    expectSame(third, models[last] as Model)
    third.close()
    await enginesClosed()
  })
}
