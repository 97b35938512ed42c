import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { jdk, ownClassArguments } from '../../scripts/lib/services/kafka-programs.ts'
import { PROGRAMS } from '../../scripts/lib/services/service.ts'
import { ROOT } from '../../scripts/lib/paths.ts'
import type { BenchCodec, BenchJob } from './cases.ts'

const PROJECT = join(ROOT, 'bench', 'peers', 'kafka-streams')
const FILES = [
  'pom.xml',
  ...['Generate', 'Progress', 'Run', 'Settings'].map((name) => `src/main/java/tidemark/bench/${name}.java`),
]

/** What one run of a side took: from its first record to its last commit. */
export interface SideResult {
  readonly records: number
  readonly seconds: number
  /** Of all threads of the client's process, in that time. */
  readonly cpuSeconds: number
}

/** The classes of the Java side, compiled by Maven unless these sources were before; their directory. */
export async function buildPeer(): Promise<string> {
  const hash = createHash('sha256')
  for (const file of FILES) hash.update(readFileSync(join(PROJECT, file)))
  const home = join(PROGRAMS, `bench-kafka-streams-${hash.digest('hex').slice(0, 12)}`)
  const classes = join(home, 'classes')
  if (existsSync(classes)) return classes
  const build = `${home}-${process.pid}`
  mkdirSync(build, { recursive: true })
  try {
    await finish('mvn', ['-q', '-B', '-f', join(PROJECT, 'pom.xml'), `-Dbuilt=${build}`, 'compile'])
    if (readdirSync(join(build, 'classes')).length === 0) throw new Error('Maven has compiled nothing')
    if (!existsSync(home)) renameSync(build, home)
  } finally {
    rmSync(build, { recursive: true, force: true })
  }
  return classes
}

/** Fills a topic with visits; its creation included. */
export async function generate(
  classes: string,
  to: { readonly brokers: string; readonly topic: string; readonly partitions: number },
  what: { readonly records: number; readonly keys: number; readonly codec: string },
): Promise<void> {
  const args = [to.brokers, to.topic, to.partitions, what.records, what.keys, what.codec].map(String)
  await finish(jdk('java'), ownClassArguments(classes, '-Xmx512m', 'tidemark.bench.Generate', ...args))
}

export interface PeerRun {
  readonly job: BenchJob
  readonly brokers: string
  readonly input: string
  readonly output: string
  readonly threads: number
  readonly cacheBytes: number
  readonly codec: BenchCodec
  readonly stateDirectory: string
  /** Runs over the input before the one that is measured. */
  readonly warmups: number
  /** Flags of the JVM instead of those for measuring. */
  readonly jvm?: readonly string[]
}

/**
 * The JVM of Kafka Streams: its default compilers and collector (G1), a heap that does not grow while it is measured, as the
 * guides of Kafka advise.
 */
const PEER_JVM: readonly string[] = ['-Xms2g', '-Xmx2g']

/** One run of Kafka Streams in a JVM of its own. */
export async function runPeer(classes: string, run: PeerRun): Promise<SideResult> {
  const numbers = [run.threads, run.cacheBytes].map(String)
  const places = [run.brokers, run.input, run.output]
  const args = [run.job, ...places, ...numbers, run.codec, run.stateDirectory, String(run.warmups)]
  const output = await finish(
    jdk('java'),
    ownClassArguments(classes, ...(run.jvm ?? PEER_JVM), 'tidemark.bench.Run', ...args),
  )
  const line = output.split('\n').find((each) => each.startsWith('{"job"'))
  if (line === undefined) throw new Error(`Kafka Streams printed no result:\n${output}`)
  return JSON.parse(line) as SideResult
}

/** Runs a program to its end, and returns what it printed; an exit code other than 0 is an Error with its output. */
export function finish(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: ROOT })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(stdout)
      else reject(new Error(`${command} ended with ${code}:\n${stdout.slice(-2000)}${stderr.slice(-4000)}`))
    })
  })
}
