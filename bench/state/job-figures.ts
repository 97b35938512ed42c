import { join } from 'node:path'
import { permuted } from '../../packages/tidemark/src/ops/bench-store/bench-keys.ts'
import { median } from '../long/samples.ts'
import { generateVisits } from '../main-path/generate.ts'
import { bounded, type Print, ratio } from './figures.ts'
import { startChild } from './start-child.ts'

const GOAL_MS = 1000
/** For each restart, so that there is a first message in every partition. */
const RECORDS = 1000

interface Summary {
  readonly records: number
  /** From the start of the container's work until the states of all its tasks were open. */
  readonly restoredMs: number
}

interface Start extends Summary {
  readonly firstMs: number
}

/** The command line runs the job up to the end of its input. */
async function runToTheEnd(directory: string): Promise<Start> {
  const args = ['--data-dir', directory, '--containers', '1', '--until-end', '--json']
  const job = join(import.meta.dirname, 'restart.job.ts')
  const { firstLineMs, last } = await startChild('../../packages/tidemark/bin/tidemark.mjs', ['run', job, ...args])
  return { ...(JSON.parse(last) as Summary), firstMs: firstLineMs }
}

/**
 * A job that counts by key is started again by the command line, with a large state and with a small one: the time from
 * the start of the process to its first message.
 */
export async function jobFigures(
  stores: readonly { readonly directory: string; readonly keys: number }[],
  rounds: number,
  print: Print,
): Promise<void> {
  const starts = stores.map(() => [] as Start[])
  for (const { directory, keys } of stores) {
    generateVisits(directory, keys, keys, permuted(keys))
    const { records } = await runToTheEnd(directory)
    if (records !== keys) throw new Error(`${records} of ${keys} records were counted`)
  }
  for (let round = 0; round < rounds; round++) {
    for (const [i, { directory, keys }] of stores.entries()) {
      generateVisits(directory, RECORDS, keys)
      const start = await runToTheEnd(directory)
      if (start.records !== RECORDS) throw new Error(`${start.records} of ${RECORDS} records were counted`)
      starts[i]?.push(start)
    }
  }
  const [large, small] = starts.map((of) => (name: keyof Start) => median(of.map((start) => start[name])))
  if (large === undefined || small === undefined) throw new Error('two stores are compared')
  const sizes = stores.map(({ keys }) => keys.toLocaleString('en')).join(' keys against ')
  print(`restart of a job (count by key, 4 tasks in one container) with ${sizes}, median of ${rounds}`)
  print(bounded('  start of the process to the first message in a handler', large('firstMs'), GOAL_MS, 'ms'))
  print(ratio('  the same against the small state', large('firstMs'), small('firstMs'), 'ms', null))
  print(
    ratio(
      '  of that the container, until the states of all its tasks are open',
      large('restoredMs'),
      small('restoredMs'),
      'ms',
      null,
    ),
  )
}
