import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { RESCALE_FAILPOINTS } from '../../src/checkpoint/rescale-savepoint.ts'
import { SAVEPOINT_FAILPOINTS } from '../../src/checkpoint/savepoint-write.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { run, type RunOptions } from '../../src/index.ts'
import { verifySavepoint } from '../../src/ops/verify-savepoint.ts'
import { type ChildEnd, runChild, runScript } from '../runtime/fixtures/crash-harness.ts'
import { assertBatch, JOB, makeSales, options, root, salesFile } from '../runtime/fixtures-savepoint/sales.ts'
import stages from '../runtime/fixtures-savepoint/stages.job.ts'
import { until } from '../until.ts'
import { BIN } from './spawn.ts'

const LIST = makeSales(1500)
const file = salesFile('sales', LIST)
const SAVEPOINT = join(root, 'of-four')
/** Of writing the new savepoint; the others are of the cut. */
const WRITING = SAVEPOINT_FAILPOINTS.filter(
  (name) => !['savepoint-after-pause', 'savepoint-after-barrier'].includes(name),
)
/** Whose savepoint is started from: one that was complete, and one that was made again. */
const STARTED = ['rescale-after-state', 'savepoint-after-manifest']
const COMPLETE = ['savepoint-after-manifest', 'rescale-before-clean']

after(() => rmSync(root, { recursive: true, force: true }))

before(async () => {
  const inputs = { sales: [{ path: file, follow: true }] }
  const app = await run(stages, { ...options('four', file), inputs, containers: 0 })
  await until('some records', () => app.progress().records > 500)
  await app.savepoint({ to: SAVEPOINT })
  await app.drain()
})

function rescale(from: string, tasks: number, to: string, failpoint = ''): Promise<ChildEnd> {
  return runScript(BIN, ['state', 'rescale', from, '--tasks', String(tasks), '--to', to, '--json'], failpoint)
}

function startFrom(from: string, name: string, more: RunOptions = {}): RunOptions {
  return { ...options(name, file), ...more, from }
}

async function finish(settings: RunOptions): Promise<void> {
  await (await run(stages, { ...settings, containers: 0 })).done
}

describe('kill -9 while a savepoint is rescaled (R4)', () => {
  for (const point of [...RESCALE_FAILPOINTS, ...WRITING]) {
    it(`killed at ${point}: there is a whole savepoint or none, and made again there is one`, async () => {
      const to = join(root, `at-${point}`)
      const killed = await rescale(SAVEPOINT, 3, to, `${point}:1`)
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      const again = await rescale(SAVEPOINT, 3, to)
      if (COMPLETE.includes(point)) {
        assert.equal(again.code, 2)
        assert.match(again.stderr, /ERR_SAVEPOINT_EXISTS/)
      } else {
        assert.equal(again.code, 0, again.stderr)
        assert.deepEqual(readdirSync(to).toSorted(), ['savepoint', 'tasks'], 'nothing of the first attempt is left')
      }
      assert.equal((await verifySavepoint(nodeDisk, to)).damages, 0)
      const first = join(root, `at-${RESCALE_FAILPOINTS[0]}`)
      for (const name of ['savepoint', ...readdirSync(join(to, 'tasks')).map((task) => `tasks/${task}/MANIFEST`)]) {
        assert.ok(readFileSync(join(to, name)).equals(readFileSync(join(first, name))), `${name} is the same as always`)
      }
      if (!STARTED.includes(point)) return
      await finish(startFrom(to, `from-${point}`))
      await assertBatch(`from-${point}`, LIST, point)
    })
  }

  it('what an attempt has left that was killed is no savepoint: ERR_SAVEPOINT_NOT_FOUND', async () => {
    const to = join(root, 'left')
    await rescale(SAVEPOINT, 5, to, 'savepoint-before-manifest:1')
    assert.ok(readdirSync(join(to, 'tasks/4')).length > 0, 'files are there')
    await assert.rejects(run(stages, { ...startFrom(to, 'from-left'), containers: 0 }), {
      code: 'ERR_SAVEPOINT_NOT_FOUND',
    })
    // With another number of tasks nothing of the first is in it.
    assert.equal((await rescale(SAVEPOINT, 2, to)).code, 0)
    assert.deepEqual(readdirSync(join(to, 'tasks')).toSorted(), ['0', '1'])
  })

  it('what is not its own is never removed: ERR_SAVEPOINT_EXISTS', async () => {
    const to = join(root, 'mine')
    mkdirSync(to)
    writeFileSync(join(to, 'mine.txt'), 'mine')
    const refused = await rescale(SAVEPOINT, 2, to)
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, /ERR_SAVEPOINT_EXISTS/)
    assert.deepEqual(readdirSync(to), ['mine.txt'])
  })

  it('killed while a job starts from what it has made: it starts wholly, or says that it has not (K5)', async () => {
    const from = join(root, 'for-start')
    assert.equal((await rescale(SAVEPOINT, 6, from)).code, 0)
    for (const [name, point] of [
      ['started-batch', 'restore-after-batch'],
      ['started-task', 'restore-after-task'],
    ] as const) {
      const settings = startFrom(from, name, point === 'restore-after-batch' ? { engine: 'leveldb' } : {})
      const killed = await runChild(JOB, settings, { failpoint: `${point}:1` })
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      const { from: _, ...without } = settings
      await assert.rejects(run(stages, { ...without, containers: 0 }), { code: 'ERR_SAVEPOINT_INCOMPLETE' })
      await finish(settings)
      await assertBatch(name, LIST, point)
    }
  })
})

describe('a damaged savepoint is not rescaled (R4)', () => {
  it('a flipped bit, a missing file: it is named, exit code 5, and nothing is left', async () => {
    const directory = join(root, 'damaged')
    cpSync(SAVEPOINT, directory, { recursive: true })
    const tasks = readdirSync(join(directory, 'tasks')).map((task) => join(directory, 'tasks', task))
    const [victim] = tasks.flatMap((task) =>
      readdirSync(task)
        .filter((name) => name.endsWith('.sorted'))
        .map((name) => join(task, name)),
    )
    assert.ok(victim !== undefined)
    const bytes = readFileSync(victim)
    const flipped = Uint8Array.from(bytes)
    // In the first block of data.
    flipped[40] = (flipped[40] as number) ^ 1
    rmSync(victim)
    const to = join(root, 'of-damaged')
    for (const [what, content] of [
      ['flipped', flipped],
      ['missing', null],
    ] as const) {
      if (content === null) rmSync(victim)
      else writeFileSync(victim, content)
      const end = await rescale(directory, 2, to)
      assert.equal(end.code, 5, `${what}: ${end.stderr}`)
      assert.ok(end.stderr.includes(victim), `${what}: ${end.stderr}`)
      assert.deepEqual(existsSync(to) ? readdirSync(to) : [], [], what)
    }
    writeFileSync(victim, bytes)
    assert.equal((await rescale(directory, 2, to)).code, 0)
  })
})

describe('tidemark state rescale', () => {
  it('says what it has made, in JSON and as text', async () => {
    const to = join(root, 'said')
    const end = await rescale(SAVEPOINT, 8, to)
    const made = JSON.parse(end.stdout) as Record<string, unknown>
    assert.deepEqual([made['tasks'], made['directory']], [8, to])
    assert.deepEqual((made['streams'] as unknown[])[0], { name: 'sales', before: 4, after: 8 })
    const text = await runScript(BIN, ['state', 'rescale', to, '--tasks', '2', '--to', join(root, 'said-2')], '')
    assert.match(text.stdout, /8 to 2 tasks.*files/)
    assert.match(text.stdout, /sales +8 +2\n/)
    assert.match(text.stdout, /tidemark run JOB --from .*said-2 --data-dir DIR/)
  })

  it('wrong flags are errors with exit code 2, and its help has an example', async () => {
    const call = (...args: string[]): Promise<ChildEnd> => runScript(BIN, ['state', 'rescale', ...args], '')
    const to = join(root, 'never')
    assert.match((await call(SAVEPOINT, '--to', to)).stderr, /--tasks is needed/)
    const none = await call(SAVEPOINT, '--tasks', '0', '--to', to)
    assert.deepEqual([none.code, /--tasks takes a whole number/.test(none.stderr)], [2, true])
    assert.equal((await call(join(root, 'nowhere'), '--tasks', '2', '--to', to)).code, 2)
    assert.match((await call('--help')).stdout, /tidemark state rescale \/safe\/before --tasks 8/)
    assert.equal(existsSync(to), false)
  })
})

describe('kill -9 while a job starts from a rescaled savepoint where it has run (K5, R5)', () => {
  it('the old lineage goes on, or the new one does', async () => {
    const from = join(root, 'for-home')
    assert.equal((await rescale(SAVEPOINT, 6, from)).code, 0)
    const home = options('four', file)
    for (const point of ['restore-after-task', 'restore-before-lineage']) {
      const killed = await runChild(JOB, { ...home, from }, { failpoint: `${point}:1` })
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      await finish(home)
      await assertBatch('four', LIST, `the old lineage after ${point}`)
    }
    await finish({ ...home, from })
    await assertBatch('four', LIST, 'the new lineage')
    await finish(home)
    await assertBatch('four', LIST, 'once more')
  })
})
