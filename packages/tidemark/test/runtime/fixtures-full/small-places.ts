import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enginesClosed } from '../../../src/engines/closing.ts'
import { run, type RunOptions } from '../../../src/index.ts'
import { mountSmall } from '../../disk/small-disk.ts'
import { readResults, type Results, runChild } from '../fixtures/crash-harness.ts'
import job from './texts.job.ts'

const JOB = new URL('./texts.job.ts', import.meta.url)
const mounts: string[] = []

export const root: string = mkdtempSync(join(tmpdir(), 'tidemark-full-'))

const ROWS = 6000
/** Words come again, so that there is something to merge. */
const file = join(root, 'rows.jsonl')
/** What is left of them in the end, 300 bytes for each of 1500 words, is more than a small disk has: no merge helps. */
const rowOf = (i: number): object => ({ word: `w${(i * 7919) % 1500}`, text: textOf(i), at: i })
writeFileSync(file, Array.from({ length: ROWS }, (_, i) => `${JSON.stringify(rowOf(i))}\n`).join(''))

/** 300 digits that cannot be compressed much. */
function textOf(i: number): string {
  let text = ''
  for (let seed = i + 1; text.length < 300; text += seed) seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return text.slice(0, 300)
}

export function cleanUp(): void {
  for (const point of mounts) execFileSync('umount', ['-l', point])
  rmSync(root, { recursive: true, force: true })
}

/** A file system of a size, at a path below the root. */
export function mount(path: string, size: string): void {
  mkdirSync(join(path, '..'), { recursive: true })
  assert.equal(mountSmall(path, size), null)
  mounts.push(path)
}

export function enlarge(path: string): void {
  execFileSync('mount', ['-o', 'remount,size=256m', path])
}

/** Why nothing can be mounted here; false when it can. */
export function whyNoMount(): string | false {
  const probe = join(root, 'probe')
  const why = mountSmall(probe, '1m')
  if (why === null) execFileSync('umount', [probe])
  return why ?? false
}

export function options(name: string, more: Partial<RunOptions> = {}): RunOptions {
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

/** Runs to the end; the warnings. On this thread: what is tested is what the run on the full disk has left, and processes take long to start. */
export async function finish(settings: RunOptions): Promise<string[]> {
  const warnings: string[] = []
  await (await run(job, { ...settings, containers: 0, onWarning: (line) => warnings.push(line) })).done
  await enginesClosed()
  return warnings
}

export async function resultsOf(name: string): Promise<Results> {
  return readResults(join(root, name), ['texts'], ['rows'])
}

export function runProcess(settings: RunOptions): ReturnType<typeof runChild> {
  return runChild(JOB, settings)
}

/** The run that met the full disk stops by name; with room again the next one comes to the undisturbed result. */
export async function stopsAndGoesOn(
  whole: Results,
  name: string,
  place: string,
  size: string,
  more: Partial<RunOptions> = {},
): Promise<void> {
  const at = join(root, name, place)
  mount(at, size)
  const settings = options(name, more)
  const full = await runProcess(settings)
  assert.notEqual(full.code, 0, 'it cannot have come to its end')
  assert.match(full.stderr, /ERR_DISK_FULL/)
  assert.doesNotMatch(full.stderr, /ERR_INVARIANT|ERR_STATE_CORRUPT|ERR_LOG_CORRUPT/)
  enlarge(at)
  await finish(settings)
  assert.deepEqual(await resultsOf(name), whole)
}
