import type { Command } from 'commander'
import { type CliContext, examples, type Options } from '../context.ts'
import { WORKLOAD_ABOUT, WORKLOADS } from '../../ops/bench-store/workloads.ts'

const NOTES = `
An engine whose load reaches --load-limit is told as far as it came ("keys"), and its other workloads are left out. The
distribution is uniform unless --distribution zipf is given: run it twice to compare both.`

/** `tidemark bench store`. */
export function addBench(program: Command, context: CliContext): void {
  const bench = program.command('bench').description('measure on this machine')
  const command = bench
    .command('store')
    .description('compare storage engines: puts, reads, ranges and mixes, under the layers that a job has')
    .option('--keys <n>', 'keys in the store', '1000000')
    .option('--engines <names>', 'engines, with commas between (default: all that are installed)')
    .option('--workloads <names>', 'some of the workloads, with commas between (default: all)')
    .option('--distribution <name>', 'uniform or zipf: how the mixes and ranges choose their keys', 'uniform')
    .option('--value-bytes <n>', 'bytes of a value', '100')
    .option('--duration <duration>', 'how long a reading or mixed workload takes', '5s')
    .option('--commit-every <n>', 'writes to a commit', '10000')
    .option('--cache <size>', "the engine's cache", '64MiB')
    .option('--value-cache <size>', 'cache of values above the engine; small, so that the engine shows', '64KiB')
    .option('--flush-size <size>', 'changes that are held in memory before they go to the engine', '16MiB')
    .option('--load-limit <duration>', 'the longest that a store may take to be filled', '10m')
    .option('--seed <n>', 'of the choice of keys', '1')
    .option('--dir <dir>', 'where the stores are made, and removed again (default: the system directory for such)')
    .option('--json', 'one object a line: engine, workload, keys, opsPerSecond, p99Us')
  examples(command, [
    'tidemark bench store',
    'tidemark bench store --keys 10000000 --engines lsm,lmdb --workloads put,get-cold --json',
    'tidemark bench store --distribution zipf --workloads mixed-50,mixed-95 --value-cache 64MiB',
  ])
  const width = Math.max(...WORKLOADS.map((name) => name.length))
  const lines = WORKLOADS.map((name) => `  ${name.padEnd(width)}  ${WORKLOAD_ABOUT[name]}`)
  command.addHelpText('after', `\nWorkloads:\n${lines.join('\n')}\n${NOTES}`)
  command.action(async (options: Options) => {
    const { benchStoreCommand } = await import('../bench-store.ts')
    await benchStoreCommand(options, context)
  })
}
