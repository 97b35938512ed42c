import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '../../packages/tidemark/src/clock/clock.ts'
import { nodeDisk } from '../../packages/tidemark/src/disk/node-disk.ts'
import { seededRandom } from '../../packages/tidemark/src/hash/seeded-random.ts'
import { CompactionHost } from '../../packages/tidemark/src/lsm/compaction-host.ts'
import { ThreadCompactor } from '../../packages/tidemark/src/lsm/thread-compactor.ts'
import { ROOT } from '../../scripts/lib/paths.ts'
import { formatVerdict, judge, LIMITS } from './flatness.ts'
import { toSvg } from './plot.ts'
import { fromCsv, type Sample, toCsv } from './samples.ts'
import { type ProcessGauges, runSteady } from './steady-run.ts'

const HELP = `usage: npm run test:long -- [--minutes 30] [--keys 1000000] [--value-bytes 100] [--rate 30000] [--sample 10]
                            [--dir DIRECTORY] [--out DIRECTORY] [--seed 1] [--latency-factor 1.5] [--memory-factor 1.2]

One task's state on lsm, with the real compaction thread: all keys are put once, then read and overwritten, half and
half, keys by zipf, at a steady rate (operations a second), with a commit each second. A sample every --sample seconds.
Writes steady-state.csv and steady-state.svg to --out (default: long-run), and says whether files, space, memory and
latency stayed flat: the last third against the middle third, at most the factors above. Exit code 1 if they did not.
--judge FILE says it of a CSV file of before, and runs nothing.
The state is made in a new directory in --dir (default: that of the system for such), and removed again.
`

interface Flags {
  readonly minutes: number
  readonly keys: number
  readonly valueBytes: number
  readonly rate: number
  readonly sampleSeconds: number
  readonly seed: number
  readonly latency: number
  readonly memory: number
  readonly dir: string
  readonly out: string
  readonly judge: string | null
}

function readFlags(): Flags | null {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      keys: { type: 'string', default: '1000000' },
      'value-bytes': { type: 'string', default: '100' },
      rate: { type: 'string', default: '30000' },
      sample: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      'latency-factor': { type: 'string', default: String(LIMITS.latency) },
      'memory-factor': { type: 'string', default: String(LIMITS.memory) },
      dir: { type: 'string', default: tmpdir() },
      out: { type: 'string', default: 'long-run' },
      judge: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return null
  const from = process.env['INIT_CWD'] ?? ROOT
  return {
    minutes: numberOf('minutes', values.minutes),
    keys: numberOf('keys', values.keys),
    valueBytes: numberOf('value-bytes', values['value-bytes']),
    rate: numberOf('rate', values.rate),
    sampleSeconds: numberOf('sample', values.sample),
    seed: numberOf('seed', values.seed),
    latency: numberOf('latency-factor', values['latency-factor']),
    memory: numberOf('memory-factor', values['memory-factor']),
    dir: resolve(from, values.dir),
    out: resolve(from, values.out),
    judge: values.judge === undefined ? null : resolve(from, values.judge),
  }
}

function numberOf(name: string, text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new Error(`--${name} takes a number above 0, not "${text}"`)
  return number
}

function gauges(): ProcessGauges {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  return {
    loopDelay: () => {
      const result = { p99Ms: delay.percentile(99) / 1e6, maxMs: delay.max / 1e6 }
      delay.reset()
      return result
    },
    memory: () => {
      const { rss, heapUsed, external } = process.memoryUsage()
      return { rssBytes: rss, heapBytes: heapUsed, externalBytes: external }
    },
    cpuMs: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    },
  }
}

function print(sample: Sample): void {
  const { seconds, operationsPerSecond, files, spaceFactor, diskFactor, writeAmplification, rssBytes } = sample
  const { readP99Us, writeP99Us, loopDelayMaxMs, loopDelayP99Ms, cores, stalledMs } = sample
  const parts = [
    `${seconds.toFixed(0)} s`,
    `${Math.round(operationsPerSecond)} ops/s`,
    `${files} files`,
    `space ${spaceFactor.toFixed(2)} / ${diskFactor.toFixed(2)}`,
    `written ${writeAmplification.toFixed(2)}`,
    `rss ${Math.round(rssBytes / 2 ** 20)} MiB`,
    `read p99 ${readP99Us.toFixed(1)} us`,
    `write p99 ${writeP99Us.toFixed(1)} us`,
    `loop ${loopDelayP99Ms.toFixed(1)} / ${loopDelayMaxMs.toFixed(0)} ms`,
    `${cores.toFixed(2)} cores`,
    ...(stalledMs > 0 ? [`stalled ${stalledMs.toFixed(0)} ms`] : []),
    `load ${(loadavg()[0] ?? 0).toFixed(1)}`,
  ]
  console.log(parts.join('  '))
}

async function main(): Promise<number> {
  const flags = readFlags()
  if (flags === null) {
    console.log(HELP)
    return 0
  }
  const samples = flags.judge === null ? await measure(flags) : fromCsv(readFileSync(flags.judge, 'utf8'))
  const verdicts = judge(samples, { ...LIMITS, latency: flags.latency, memory: flags.memory })
  for (const verdict of verdicts) console.log(formatVerdict(verdict))
  return verdicts.every(({ holds }) => holds) ? 0 : 1
}

async function measure(flags: Flags): Promise<Sample[]> {
  const { minutes, keys, valueBytes, rate, out } = flags
  console.log(
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`,
  )
  mkdirSync(out, { recursive: true })
  const directory = mkdtempSync(join(flags.dir, 'tidemark-long-'))
  const host = new CompactionHost({ bytesPerSecond: 0 })
  const compactor = new ThreadCompactor(host.port(), (error) => console.log(error.message))
  const samples: Sample[] = []
  const title = `${minutes} minutes of reads and overwrites, ${keys} keys, values of ${valueBytes} B, ${rate} operations a second`
  const write = (): void => {
    writeFileSync(join(out, 'steady-state.csv'), toCsv(samples))
    writeFileSync(join(out, 'steady-state.svg'), toSvg(title, samples))
  }
  try {
    await runSteady({
      disk: nodeDisk,
      clock: systemClock,
      random: seededRandom(flags.seed),
      compactor,
      directory,
      keys,
      valueBytes,
      ratePerSecond: rate,
      durationMs: minutes * 60_000,
      sampleMs: flags.sampleSeconds * 1000,
      commitIntervalMs: 1000,
      cacheBytes: 64 * 1024 * 1024,
      flushBytes: 16 * 1024 * 1024,
      turnMs: 2,
      gauges: gauges(),
      pause: (ms) => (ms === 0 ? setImmediate() : setTimeout(ms)),
      onSample: (sample) => {
        samples.push(sample)
        print(sample)
        write()
      },
    })
  } finally {
    compactor.close()
    await host.close()
    rmSync(directory, { recursive: true, force: true })
  }
  console.log(`written: ${join(out, 'steady-state.csv')}, ${join(out, 'steady-state.svg')}`)
  return samples
}

process.exitCode = await main()
