import assert from 'node:assert/strict'
import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type App, type RestoreStatus, run, type RunOptions } from '../../src/index.ts'
import { NO_S3, s3Url, startS3 } from '../checkpoint/s3-support.ts'
import { THOROUGH } from '../thorough.ts'
import { until } from '../until.ts'
import { runChild } from './fixtures/crash-harness.ts'
import { assertBatch, JOB, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'

const LIST = makeSales(3000)
const half = salesFile('half', LIST.slice(0, 1500))
const file = salesFile('sales', LIST)
const server = NO_S3 === false ? await startS3() : null

after(() => rmSync(root, { recursive: true, force: true }))

interface Ran {
  readonly warnings: readonly string[]
}

interface Finished extends Ran {
  readonly told: readonly RestoreStatus[]
  readonly restore: RestoreStatus | null
}

/** Runs to the end of the input. In S3 on this thread: what comes from there is the same in containers, which take long to start. */
async function finish(settings: RunOptions): Promise<Finished> {
  const inS3 = settings.checkpoint?.to?.startsWith('s3:') === true
  const warnings: string[] = []
  const told: RestoreStatus[] = []
  const app = await run(JOB, {
    ...settings,
    ...(inS3 ? { containers: 0 } : {}),
    onWarning: (line) => warnings.push(line),
    onRestore: (status) => told.push(status),
  })
  await app.done
  return { warnings, told, restore: app.progress().restore }
}

function stateOf(name: string, task: number): string {
  return join(root, name, 'state', String(task))
}

function sortedFiles(name: string, task: number): string[] {
  if (!existsSync(stateOf(name, task))) return []
  return readdirSync(stateOf(name, task))
    .filter((each) => each.endsWith('.sorted'))
    .map((each) => join(stateOf(name, task), each))
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  writeFileSync(path, bytes)
}

/** A job that goes on until it is drained. */
async function following(name: string, to: string, more: RunOptions['checkpoint'] = {}): Promise<App & Ran> {
  const warnings: string[] = []
  const app = await run(JOB, {
    ...options(name, file),
    containers: 1,
    inputs: { sales: [{ path: file, follow: true }] },
    checkpoint: { to, uploadIntervalMs: 50, ...more },
    onWarning: (line) => warnings.push(line),
  })
  return Object.assign(app, { warnings })
}

/** A file of its own with the first half, all of which is processed and uploaded; `grow` adds the other half. */
async function halfDone(name: string, to: string): Promise<{ settings: RunOptions; grow: () => void }> {
  const path = salesFile(name, LIST.slice(0, 1500))
  const settings = { ...options(name, path), checkpoint: { to } }
  const app = await run(JOB, { ...settings, containers: 1, inputs: { sales: [{ path, follow: true }] } })
  await until('half of the records', () => app.progress().records >= 1500 && app.progress().lag === 0)
  // State goes to files a moment later: when much of it has changed, or when there is nothing to do.
  await until('files of each task', () => [0, 1, 2, 3].every((task) => sortedFiles(name, task).length > 0))
  await app.drain()
  const rest = LIST.slice(1500).map((sale) => `${JSON.stringify(sale)}\n`)
  return { settings, grow: () => appendFileSync(path, rest.join('')) }
}

/** What has to do with the place. */
function suite(kind: string, placeOf: (name: string) => string): void {
  it('C8 state that is gone is restored from there, and the run goes on to the right end', async () => {
    const name = `${kind}-gone`
    const { settings, grow } = await halfDone(name, placeOf(name))
    rmSync(join(root, name, 'state'), { recursive: true })
    grow()
    const { warnings, told, restore } = await finish(settings)
    assert.equal(warnings.filter((line) => /is restored: checkpoint \d+/.test(line)).length, 4, warnings.join('\n'))
    assert.deepEqual(told.at(-1), restore)
    assert.ok(restore !== null && restore.totalBytes > 0 && restore.doneBytes === restore.totalBytes)
    assert.deepEqual([restore.tasks, restore.tasksDone, restore.from], [4, 4, placeOf(name)])
    assert.equal((await finish(settings)).restore, null, 'there is nothing to restore now')
    await assertBatch(name, LIST, 'after the restore')
  })

  it('C4 another run on the same place: the one before is fenced, and ends by name', async () => {
    const name = `${kind}-fenced`
    const to = placeOf(name)
    const app = await following(name, to)
    await until('an upload', () => (app.progress().uploads?.bytes ?? 0) > 0)
    await app.drain()
    cpSync(join(root, name), join(root, `${name}-copy`), { recursive: true })
    const first = await following(name, to)
    await until('an upload of the first', () => first.progress().uploads?.ageMs !== null)
    const second = await following(`${name}-copy`, to)
    await until('an upload of the second', () => second.progress().uploads?.ageMs !== null)
    // Whatever is committed next, the first finds that the place is not its own any more.
    const { sales } = await import('./fixtures-savepoint/stages.job.ts')
    const sending = setInterval(() => {
      first.send(sales, { key: 'shop-1', value: { shop: 'shop-1', item: 'a1', at: 1 } }).catch(() => {})
    }, 20)
    await first.done.catch(() => {})
    clearInterval(sending)
    await assert.rejects(first.done, { code: 'ERR_CHECKPOINT_FENCED' })
    await second.drain()
  })
}

/** What is the same wherever the checkpoints are. */
function anywhere(kind: string, placeOf: (name: string) => string): void {
  it('U1 C1 C8 killed before anything more was uploaded, and its state gone: the journal has what is missing', async () => {
    const name = `${kind}-behind`
    const { settings, grow } = await halfDone(name, placeOf(name))
    grow()
    // Changes state, and is not given the time to upload it.
    const slow = { ...settings, checkpoint: { ...settings.checkpoint, uploadIntervalMs: 1_000_000 } }
    const killed = await runChild(JOB, slow, { failpoint: 'commit-after-decide:5' })
    assert.equal(killed.signal, 'SIGKILL')
    rmSync(stateOf(name, 1), { recursive: true })
    const { warnings } = await finish(settings)
    assert.ok(
      warnings.some((line) => line.startsWith('task 1 is restored')),
      warnings.join('\n'),
    )
    await assertBatch(name, LIST, 'after the restore')
  })

  it('C8 damaged state: an error that names the file; with repair it is restored', async () => {
    const name = `${kind}-damaged`
    const { settings, grow } = await halfDone(name, placeOf(name))
    const [damaged] = sortedFiles(name, 2)
    assert.ok(damaged !== undefined)
    flip(damaged, readFileSync(damaged).length - 3)
    await assert.rejects(finish(settings), { code: 'ERR_STATE_CORRUPT', message: new RegExp(damaged) })
    grow()
    const { warnings } = await finish({ ...settings, checkpoint: { ...settings.checkpoint, repair: true } })
    assert.ok(
      warnings.some((line) => line.startsWith('task 2 is restored')),
      warnings.join('\n'),
    )
    await assertBatch(name, LIST, 'after the repair')
  })
}

describe('checkpoints kept in a directory', () => {
  const urlOf = (name: string): string => pathToFileURL(join(root, `place-${name}`)).href
  suite('files', urlOf)
  anywhere('files', urlOf)

  it('an older copy of the data directory is refused: ERR_CHECKPOINT_AHEAD', async () => {
    const to = pathToFileURL(join(root, 'place-older')).href
    await finish({ ...options('older', half), checkpoint: { to } })
    cpSync(join(root, 'older'), join(root, 'older-copy'), { recursive: true })
    await finish({ ...options('older', file), checkpoint: { to } })
    const app = await run(JOB, {
      ...options('older-copy', half),
      inputs: { sales: [{ path: half, follow: true }] },
      checkpoint: { to },
    })
    await assert.rejects(app.done, { code: 'ERR_CHECKPOINT_AHEAD' })
  })

  it('a place that cannot be: ERR_CHECKPOINT_TARGET before anything starts', async () => {
    const settings = { ...options('bad-place', half), checkpoint: { to: 'ftp://somewhere' } }
    await assert.rejects(run(JOB, settings), { code: 'ERR_CHECKPOINT_TARGET' })
  })
})

describe('checkpoints kept in S3', { skip: NO_S3 }, () => {
  const urlOf = (name: string): string => s3Url(server?.endpoint ?? '', name)
  suite('s3', urlOf)
  if (THOROUGH) anywhere('s3', urlOf)

  it('a savepoint is written there, and a job starts from it elsewhere', async () => {
    const to = urlOf('savepoint')
    const path = salesFile('s3-savepoint', LIST.slice(0, 1500))
    const home = options('s3-savepoint', path)
    const app = await run(JOB, { ...home, inputs: { sales: [{ path, follow: true }] } })
    await until('half of the records', () => app.progress().records >= 1500 && app.progress().lag === 0)
    const info = await app.savepoint({ to })
    assert.ok(info.files > 0)
    await assert.rejects(app.savepoint({ to }), { code: 'ERR_SAVEPOINT_EXISTS' })
    await app.drain()
    appendFileSync(
      path,
      LIST.slice(1500)
        .map((sale) => `${JSON.stringify(sale)}\n`)
        .join(''),
    )
    await finish({ ...options('s3-from', path), from: to })
    await assertBatch('s3-from', LIST, 'from the savepoint')
    await assert.rejects(finish({ ...options('s3-from-none', path), from: urlOf('nothing') }), {
      code: 'ERR_SAVEPOINT_NOT_FOUND',
    })
  })

  it('while the server is away the job goes on, says so once, and catches up; the journal holds what is missing', async () => {
    const name = 's3-away'
    const mine = await startS3(name)
    const app = await following(name, s3Url(mine.endpoint, name))
    await until('an upload', () => app.progress().uploads?.ageMs !== null)
    await mine.kill()
    await until('a failure', () => (app.progress().uploads?.failures ?? 0) > 0)
    await until('all records', () => app.progress().records >= LIST.length && app.progress().lag === 0)
    assert.equal(app.warnings.length, 1, app.warnings.join('\n'))
    assert.match(app.warnings[0] ?? '', /could not be uploaded .*ECONNREFUSED/)
    await mine.restart()
    await until('an upload again', () => app.progress().uploads?.failures === 0)
    await app.drain()
    rmSync(join(root, name, 'state'), { recursive: true })
    await finish({ ...options(name, file), checkpoint: { to: s3Url(mine.endpoint, name) } })
    await assertBatch(name, LIST, 'after the restore')
  })

  it('beyond its bound the journal is let go with a warning, and the run goes on', async () => {
    const name = 's3-bound'
    const mine = await startS3(name)
    await mine.kill()
    const app = await following(name, s3Url(mine.endpoint, name), { maxJournalBytes: 0 })
    await until('two warnings', () => app.warnings.length >= 2)
    assert.ok(
      app.warnings.some((line) => /are the only copy/.test(line)),
      app.warnings.join('\n'),
    )
    await until('all records', () => app.progress().records >= LIST.length && app.progress().lag === 0)
    await mine.restart()
    await until('an upload again', () => app.progress().uploads?.ageMs !== null)
    await app.drain()
    assert.ok(existsSync(stateOf(name, 0)))
  })
})
