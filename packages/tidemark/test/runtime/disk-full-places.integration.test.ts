import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { json, openStore, type RunOptions, string } from '../../src/index.ts'
import { mountSmall } from '../disk/small-disk.ts'
import { applyRound, modelOf, type Value } from '../open-store/fixtures/rounds.ts'
import { readResults, type Results, runChild } from './fixtures/crash-harness.ts'

const JOB = new URL('./fixtures-full/texts.job.ts', import.meta.url)
const root = mkdtempSync(join(tmpdir(), 'tidemark-full-'))
const mounts: string[] = []

after(() => {
  for (const mount of mounts) execFileSync('umount', ['-l', mount])
  rmSync(root, { recursive: true, force: true })
})

const ROWS = 6000
/** Words come again, so that there is something to merge. */
const file = join(root, 'rows.jsonl')
const rowOf = (i: number): object => ({ word: `w${(i * 7919) % 1500}`, text: `${i} `.repeat(60), at: i })
writeFileSync(file, Array.from({ length: ROWS }, (_, i) => `${JSON.stringify(rowOf(i))}\n`).join(''))

/** A file system of a size, at a path below the root. */
function mount(path: string, size: string): void {
  mkdirSync(join(path, '..'), { recursive: true })
  const reason = mountSmall(path, size)
  assert.equal(reason, null)
  mounts.push(path)
}

function enlarge(path: string): void {
  execFileSync('mount', ['-o', 'remount,size=256m', path])
}

/** Why nothing can be mounted here; null when it can. */
const reason = (() => {
  const probe = join(root, 'probe')
  const why = mountSmall(probe, '1m')
  if (why === null) execFileSync('umount', [probe])
  return why
})()

function options(name: string, more: Partial<RunOptions> = {}): RunOptions {
  return {
    dataDir: join(root, name),
    inputs: { rows: [{ path: file }] },
    containers: 1,
    partitions: 1,
    commit: { intervalMs: 20 },
    recentMaxBytes: 64 * 1024,
    ...more,
  }
}

async function resultsOf(name: string): Promise<Results> {
  return readResults(join(root, name), ['texts'], ['rows'])
}

describe('ERR_DISK_FULL: whole runs on a disk that is full in one place (C3, C6)', { skip: reason ?? false }, () => {
  let whole: Results

  before(async () => {
    const end = await runChild(JOB, options('whole'))
    assert.equal(end.code, 0, end.stderr)
    whole = await resultsOf('whole')
  })

  /** The run that met the full disk stops by name; with room again the next ones come to the undisturbed result. */
  async function stopsAndGoesOn(
    name: string,
    place: string,
    size: string,
    more: Partial<RunOptions> = {},
  ): Promise<void> {
    const at = join(root, name, place)
    mount(at, size)
    const settings = options(name, more)
    const full = await runChild(JOB, settings)
    assert.notEqual(full.code, 0, 'it cannot have come to its end')
    assert.match(full.stderr, /ERR_DISK_FULL/)
    assert.doesNotMatch(full.stderr, /ERR_INVARIANT|ERR_STATE_CORRUPT|ERR_LOG_CORRUPT/)
    enlarge(at)
    const end = await runChild(JOB, settings)
    assert.equal(end.code, 0, end.stderr)
    assert.deepEqual(await resultsOf(name), whole)
  }

  it('the journal', () => stopsAndGoesOn('journal', 'journal', '1m'))
  it('the segments of streams', () => stopsAndGoesOn('segments', 'streams', '800k'))
  it('sorted files: flushes and merges', () => stopsAndGoesOn('lsm', 'state', '300k'))
  it('sorted files that retained checkpoints pin', () =>
    stopsAndGoesOn('retained', 'state', '1200k', {
      checkpoint: { intervalMs: 20, retain: [{ periodMs: 20, forMs: 3_600_000 }] },
    }))
  for (const [engine, size] of [
    ['rocksdb', '1m'],
    ['leveldb', '1m'],
    ['lmdb', '400k'],
  ] as const) {
    it(`flushes to ${engine}`, () => stopsAndGoesOn(engine, 'state', size, { engine }))
  }

  it('the place of uploads: the run goes on and warns; with room again all is there, and restores to the same', async () => {
    const place = join(root, 'place')
    mount(place, '200k')
    const settings = options('uploading', {
      checkpoint: { to: pathToFileURL(place).href, uploadIntervalMs: 50 },
      drainTimeoutMs: 5000,
    })
    const full = await runChild(JOB, settings)
    assert.equal(full.code, 0, full.stderr)
    assert.match(full.stderr, /checkpoints could not be uploaded .*no space is left/)
    assert.deepEqual(await resultsOf('uploading'), whole)
    enlarge(place)
    const end = await runChild(JOB, settings)
    assert.equal(end.code, 0, end.stderr)
    rmSync(join(root, 'uploading', 'state'), { recursive: true })
    const restored = await runChild(JOB, settings)
    assert.equal(restored.code, 0, restored.stderr)
    assert.deepEqual(await resultsOf('uploading'), whole)
  })

  for (const engine of ['lsm', 'rocksdb', 'leveldb', 'lmdb']) {
    it(`openStore on ${engine}: a checkpoint that found no room is made once there is, by this process or the next`, async () => {
      const dir = join(root, `alone-${engine}`)
      mount(dir, '1500k')
      const open = (): ReturnType<typeof openStore<string, Value>> =>
        openStore<string, Value>({
          name: 'rounds',
          dir,
          engine,
          key: string(),
          value: json<Value>(),
          recentMaxBytes: 50_000,
        })
      let store = await open()
      let round = 0
      let failure: unknown = null
      while (failure === null && round < 5000) {
        applyRound(store, ++round)
        failure = await store.checkpoint().then(
          () => null,
          (error: unknown) => error,
        )
      }
      assert.equal((failure as { code?: string } | null)?.code, 'ERR_DISK_FULL', String(failure))
      enlarge(dir)
      const again = await store.checkpoint().then(
        () => null,
        (error: unknown) => error,
      )
      if (again !== null) {
        // An engine that is not written again until it is opened again.
        assert.equal((again as { code?: string }).code, 'ERR_DISK_FULL')
        await store.close().catch(() => {})
        store = await open()
        const durable = store.get('#round')?.round ?? 0
        assert.ok(durable === round || durable === round - 1, `round ${durable} of ${round}`)
        for (let next = durable + 1; next <= round; next++) applyRound(store, next)
      }
      applyRound(store, ++round)
      await store.checkpoint()
      await store.close()
      const last = await open()
      assert.deepEqual(new Map([...last.entries()].map(({ key, value }) => [key, value])), modelOf(round))
      await last.close()
    })
  }
})
