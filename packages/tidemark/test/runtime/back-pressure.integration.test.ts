import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { run } from '../../src/index.ts'
import { readResults } from './fixtures/crash-harness.ts'
import { assertSame, firstFlights, JOB, options, root, STORES, STREAMS } from './fixtures/flights-crash.ts'

/** Flushes of a few KiB, and merges so slow that files pile up. */
const RECENT_BYTES = 2048
const SLOW_BYTES_PER_SECOND = 60_000
const ROWS = 60_000

after(() => rmSync(root, { recursive: true, force: true }))

async function runWith(name: string, compactionBytesPerSecond: number): Promise<string[]> {
  const warnings: string[] = []
  const file = firstFlights(ROWS)
  const app = await run(JOB, {
    ...options(name, file, RECENT_BYTES),
    compactionBytesPerSecond,
    onWarning: (line) => warnings.push(line),
  })
  await app.done
  return warnings
}

it('L4: a task takes no messages while merges are far behind, goes on by itself, and loses nothing', async () => {
  await runWith('fast', 0)
  const warnings = await runWith('slow', SLOW_BYTES_PER_SECOND)
  assert.ok(
    warnings.some((line) => line.includes('takes no messages until its state files are written and merged')),
    `it was held: ${warnings.join('; ')}`,
  )
  assert.ok(warnings.some((line) => line.includes('takes messages again')))
  const fast = await readResults(join(root, 'fast'), STORES, STREAMS)
  assertSame(await readResults(join(root, 'slow'), STORES, STREAMS), fast, 'the run that was held')
})
