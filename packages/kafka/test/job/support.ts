import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { KafkaOptions } from '@tidemark/kafka'
import { type RunOptions, type Summary, uint } from 'tidemark'
import { type ChildEnd, runScript } from '../../../tidemark/test/runtime/fixtures/crash-harness.ts'
import type { Addition, Total } from '../check/count-check.ts'
import type { JavaPeer } from '../java/java-peer.ts'
import { SuiteBroker } from '../suite-broker.ts'
import type { KafkaOptions as ServerOptions } from '../../../../scripts/lib/services/kafka.ts'
import { checkSums } from './sums-check.ts'
import { untilOf, untilSays, type Watched, within } from './watched.ts'

export const SCRIPT: string = fileURLToPath(new URL('./fixtures/run-on-kafka.ts', import.meta.url))
export const SUMS_EARLY: URL = new URL('./fixtures/sums-early.job.ts', import.meta.url)
export const SUMS: URL = new URL('./fixtures/sums.job.ts', import.meta.url)

/** Runs a job against brokers to the end of its input, or until it is killed: after a time, or at a failpoint. */
export function runJob(
  job: URL,
  brokers: string,
  options: RunOptions,
  chaos: { readonly killAfterMs?: number; readonly failpoint?: string } = {},
  system: Partial<KafkaOptions> = {},
): Promise<ChildEnd> {
  const given = { containers: 1, untilEnd: true, ...options }
  // Nobody waits for a lease to end: who follows on the same data directory leaves the group for the dead. A busy machine may
  // keep a process from its brokers for longer than the shortest lease.
  const args = [job.href, brokers, JSON.stringify(given), JSON.stringify({ leaseMs: 60_000, ...system })]
  return runScript(SCRIPT, args, chaos.failpoint ?? '', chaos.killAfterMs)
}

/** A run in a process of its own that goes on beside the test. */
export class JobProcess {
  readonly child: ChildProcess
  /** What it has said on its standard error. */
  told = ''
  ended = false
  readonly #begun = Promise.withResolvers<void>()
  readonly #gone: Promise<number | null>

  constructor(job: URL, brokers: string, options: RunOptions, system: Partial<KafkaOptions> = {}) {
    const given = JSON.stringify({ containers: 1, commit: { intervalMs: 20 }, ...options })
    const args = [SCRIPT, job.href, brokers, given, JSON.stringify(system)]
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#begun.promise.catch(() => {})
    let said = ''
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.startsWith('begun\n')) this.#begun.resolve()
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.told += text))
    this.#gone = new Promise((resolve) => {
      this.child.once('close', (code) => {
        this.ended = true
        this.#begun.reject(new Error(`the run ended before it began (${code}): ${this.told}`))
        resolve(code)
      })
    })
  }

  /** Settles when `run` has returned: it owns the tasks. */
  get begun(): Promise<void> {
    return within(this, 'the run to begin', this.#begun.promise)
  }

  /** Its exit code, null after a signal. */
  get gone(): Promise<number | null> {
    return within(this, 'the run to end', this.#gone)
  }

  /** Settles when it has said something that matches. */
  says(what: RegExp): Promise<void> {
    return untilSays(this, what)
  }

  async kill(): Promise<void> {
    if (!this.ended) this.child.kill('SIGKILL')
    await this.gone
  }
}

/** The summary of a run that has ended by itself; anything else is an Error with what it said. */
export function summaryOf({ code, signal, stdout, stderr }: ChildEnd): Summary {
  if (code !== 0) throw new Error(`the run ended with ${signal ?? code}:\n${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Summary
}

/** All users are in the files; those that were written again are there more than once until files are merged. */
export function assertWhole({ state }: Summary, users: number): void {
  const { entries } = state ?? { entries: 0 }
  assert.ok(entries >= users, `${entries} entries of ${users} users`)
}

/** Has a Java producer send payments: `count` of so many users, amounts 1 to 9. */
export async function sendPayments(peer: JavaPeer, count: number, users: number, from = 0): Promise<Addition[]> {
  // It waits for a broker that is away longer than it would by default: a busy machine takes its time to start one.
  const patience = { 'max.block.ms': '300000', 'delivery.timeout.ms': '300000' }
  const producer = await peer.producer({ 'batch.size': '32768', 'linger.ms': '5', ...patience })
  const sent: Addition[] = []
  for (let start = from; start < from + count; start += 2000) {
    const records = Array.from({ length: Math.min(2000, from + count - start) }, (_, i) => {
      const at = start + i
      const payment = { user: `user-${(at * 7919) % users}`, amount: 1 + (at % 9) }
      sent.push({ key: payment.user, amount: payment.amount })
      return { key: `payment-${at}`, value: JSON.stringify(payment) }
    })
    await producer.send('payments', records)
  }
  await producer.close()
  return sent
}

/** What the job has written, as a Java consumer sees it, read committed. */
export async function readTotals(peer: JavaPeer, topic = 'totals'): Promise<Total[]> {
  const records = await peer.dump(topic)
  return records.map(({ key, value, partition }) => {
    const total = value === null ? Number.NaN : uint().read(value, 0, value.length)
    return { key: key?.toString() ?? '', total, partition }
  })
}

/** Settles when there is a total for every payment; they are exact. */
export async function untilSummed(
  peer: JavaPeer,
  sent: readonly Addition[],
  by: Watched,
  mostMs?: number,
): Promise<void> {
  let totals = 0
  const are = async (): Promise<boolean> => (totals = (await readTotals(peer)).length) >= sent.length
  try {
    await untilOf(by, `${sent.length} totals`, are, mostMs)
  } catch (error) {
    throw new Error(`there are ${totals} totals`, { cause: error })
  }
  checkSums(sent, await readTotals(peer))
}

/** A broker with the topics of the sums job. With options, {} too, it is the suite's own: for one that stops it, or its disk. */
export class SumsBroker extends SuiteBroker {
  constructor(options: ServerOptions | null = null) {
    super('job', options, async (peer) => {
      await peer.createTopic('payments', 4)
      await peer.createTopic('totals', 4)
    })
  }
}
