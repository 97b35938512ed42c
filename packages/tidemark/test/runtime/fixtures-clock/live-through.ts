import { renameSync, writeFileSync } from 'node:fs'
import { run } from '../../../src/index.ts'
import { acts, seen, type Seen } from './clocked.job.ts'

/*
 * `node --import shifted-clock.ts live-through.ts DATA_DIR STEPS`: runs the job while its clock is moved. A step moves the
 * clock to some ms off, or lets something be done; each is waited for. Prints what was seen, in order, as JSON.
 */
type Step =
  | { readonly offsetMs: number }
  | { readonly do: 'put' | 'look' | 'arm' | 'wait'; readonly key: string; readonly mark: number }

const [dataDir = '', list = '[]'] = process.argv.slice(2)
const steps = JSON.parse(list) as Step[]
const clockFile = process.env['TIDEMARK_TEST_CLOCK'] ?? ''
const LIMIT_MS = 15_000

const app = await run(new URL('./clocked.job.ts', import.meta.url), {
  dataDir,
  partitions: 1,
  commit: { intervalMs: 20 },
  recentMaxBytes: 1000,
  checkpoint: { intervalMs: 100, retain: [{ periodMs: 100, forMs: 10 * 3_600_000 }] },
})

const found: Seen[] = []
let start = 0
async function read(): Promise<void> {
  for await (const { value, offset } of app.read(seen)) {
    if (Number(offset) < start || value === null) continue
    start = Number(offset) + 1
    found.push(value)
  }
}

async function until(what: string, done: () => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS
  for (;;) {
    await read()
    if (done()) return
    if (performance.now() > endMs)
      throw new Error(`${what} has not come in ${LIMIT_MS} ms: ${JSON.stringify(found.slice(-5))}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const ticks = (): number => found.filter(({ what }) => what === 'every').length

for (const step of steps) {
  if ('offsetMs' in step) {
    writeFileSync(`${clockFile}.tmp`, String(step.offsetMs))
    renameSync(`${clockFile}.tmp`, clockFile)
    // Until every thread has noticed, and gone on.
    const { checkpoints } = app.progress()
    const before = ticks()
    await until(
      'three more periods, and their commits',
      () => ticks() >= before + 3 && app.progress().checkpoints > checkpoints,
    )
    continue
  }
  if (step.do !== 'wait') await app.send(acts, { key: step.key, value: { do: step.do, mark: step.mark } })
  const awaited = step.do === 'look' ? 'look' : step.do === 'wait' ? 'timer' : null
  if (awaited !== null)
    await until(`${awaited} ${step.mark}`, () => found.some(({ what, mark }) => what === awaited && mark === step.mark))
}
await app.drain()
process.stdout.write(`${JSON.stringify({ found, checkpoints: app.progress().checkpoints })}\n`)
