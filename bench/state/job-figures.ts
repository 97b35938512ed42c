import { permuted } from '../../packages/tidemark/src/ops/bench-store/bench-keys.ts'
import { median } from '../long/samples.ts'
import { generateVisits } from '../main-path/generate.ts'
import { bounded, MIB, number, type Print, ratio } from './figures.ts'
import { startChild } from './start-child.ts'

const GOAL_MS = 1000
/** For each restart, so that there is a first message in every partition. */
const RECORDS = 1000

interface Summary {
  readonly records: number
  /** From the start of the process until its modules were there. */
  readonly importedMs: number
  /** From the start of the container's thread until the states of all its tasks were open. */
  readonly restoredMs: number
  readonly rss: number
}

interface Start extends Summary {
  readonly firstMs: number
}

/** A job that counts by key is started again with a large state and with a small one: the time to its first message. */
export async function jobFigures(
  stores: readonly { readonly directory: string; readonly keys: number }[],
  rounds: number,
  print: Print,
): Promise<void> {
  const starts = stores.map(() => [] as Start[])
  for (const { directory, keys } of stores) {
    generateVisits(directory, keys, keys, permuted(keys))
    const { last } = await startChild('restart-job-child.ts', [directory])
    const { records } = JSON.parse(last) as Summary
    if (records !== keys) throw new Error(`${records} of ${keys} records were counted`)
  }
  for (let round = 0; round < rounds; round++) {
    for (const [i, { directory, keys }] of stores.entries()) {
      generateVisits(directory, RECORDS, keys)
      const { firstLineMs, last } = await startChild('restart-job-child.ts', [directory])
      const summary = JSON.parse(last) as Summary
      if (summary.records !== RECORDS) throw new Error(`${summary.records} of ${RECORDS} records were counted`)
      starts[i]?.push({ ...summary, firstMs: firstLineMs })
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
  print(`  of that Node and the modules of the main thread, before anything runs: ${number(large('importedMs'))} ms`)
  print(`  RSS at the end: ${number(large('rss') / MIB)} MiB against ${number(small('rss') / MIB)} MiB`)
}
