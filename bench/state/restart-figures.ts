import { writeFileSync } from 'node:fs'
import { median } from '../long/samples.ts'
import { bounded, MIB, number, type Print, ratio } from './figures.ts'
import type { RestartReport } from './restart-child.ts'
import { startChild } from './start-child.ts'

const GOAL_MS = 1000
/** Above the caches: what the process has besides, files' heads among it. */
const MEMORY_GOAL = 1

interface RestartOptions {
  /** Empties the page cache of the system before each start; only root may. */
  readonly cold: boolean
  readonly cacheBytes: number
  readonly rounds: number
}

/**
 * Starts a process that opens the state and reads one key, for a large and a small store in turns: the time from its start
 * to the answer, what it read of files, and the memory it took.
 */
export async function restartFigures(
  stores: readonly { readonly directory: string; readonly keys: number }[],
  { cold, cacheBytes, rounds }: RestartOptions,
  print: Print,
): Promise<void> {
  const reports = stores.map(() => [] as RestartReport[])
  for (let round = 0; round < rounds; round++) {
    for (const [i, { directory, keys }] of stores.entries()) {
      if (cold) dropPageCache()
      const { firstLineMs, last } = await startChild('restart-child.ts', [directory, String(keys), String(cacheBytes)])
      reports[i]?.push({ ...(JSON.parse(last) as RestartReport), answeredMs: firstLineMs })
    }
  }
  const [large, small] = reports.map((of) => (name: keyof RestartReport) => median(of.map((report) => report[name])))
  if (large === undefined || small === undefined) throw new Error('two stores are compared')
  const sizes = stores.map(({ keys }) => keys.toLocaleString('en')).join(' keys against ')
  print(
    `restart with ${sizes}, ${cold ? 'page cache of the system emptied' : 'files in the page cache'}, median of ${rounds}`,
  )
  print(bounded('  start of the process to the first get answered', large('answeredMs'), GOAL_MS, 'ms'))
  print(ratio('  the same against the small store', large('answeredMs'), small('answeredMs'), 'ms', null))
  print(ratio('  opening alone', large('openMs'), small('openMs'), 'ms', null))
  print(ratio('  first get alone', large('getMs'), small('getMs'), 'ms', null))
  print(
    `  read of files at opening, and by the first get: ${number(large('openBytes') / 1024)} and ${number(large('getBytes') / 1024)} KiB of ${number(large('stateBytes') / MIB)} MiB`,
  )
  const name = `  memory by opening, RSS before to after, against the caches of ${number(cacheBytes / MIB)} MiB`
  print(bounded(name, (large('openedRss') - large('startRss')) / MIB, (MEMORY_GOAL * cacheBytes) / MIB, 'MiB'))
  print(
    `  RSS after opening: ${number(large('openedRss') / MIB)} MiB; of the small store ${number(small('openedRss') / MIB)} MiB`,
  )
  print(
    `  RSS after many random gets: ${number(large('readRss') / MIB)} MiB, ${number((large('readRss') - large('startRss')) / MIB)} MiB more than before opening`,
  )
}

function dropPageCache(): void {
  writeFileSync('/proc/sys/vm/drop_caches', '1')
}
