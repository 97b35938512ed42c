import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type RunOptions, type Summary, uint } from 'tidemark'
import { KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import { type ChildEnd, runScript } from '../../../tidemark/test/runtime/fixtures/crash-harness.ts'
import type { Addition, Total } from '../check/count-check.ts'
import { JavaPeer } from '../java/java-peer.ts'

export const SCRIPT: string = fileURLToPath(new URL('./fixtures/run-on-kafka.ts', import.meta.url))
export const SUMS_EARLY: URL = new URL('./fixtures/sums-early.job.ts', import.meta.url)
export const SUMS: URL = new URL('./fixtures/sums.job.ts', import.meta.url)

/** Runs a job against brokers to the end of its input, or until it is killed: after a time, or at a failpoint. */
export function runJob(
  job: URL,
  brokers: string,
  options: RunOptions,
  chaos: { readonly killAfterMs?: number; readonly failpoint?: string } = {},
): Promise<ChildEnd> {
  const given = { containers: 1, untilEnd: true, ...options }
  return runScript(SCRIPT, [job.href, brokers, JSON.stringify(given)], chaos.failpoint ?? '', chaos.killAfterMs)
}

/** The summary of a run that has ended by itself; anything else is an Error with what it said. */
export function summaryOf({ code, signal, stdout, stderr }: ChildEnd): Summary {
  if (code !== 0) throw new Error(`the run ended with ${signal ?? code}:\n${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Summary
}

/** Has a Java producer send payments: `count` of so many users, amounts 1 to 9. */
export async function sendPayments(peer: JavaPeer, count: number, users: number, from = 0): Promise<Addition[]> {
  const producer = await peer.producer({ 'batch.size': '32768', 'linger.ms': '5' })
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

/** A broker and a Java peer for the tests of one suite, with the topics of the sums job; all goes when the suite is over. */
export class SumsBroker {
  /** For what the tests write. */
  readonly root: string = mkdtempSync(join(tmpdir(), 'tidemark-kafka-job-'))
  #server: KafkaServer | null = null
  #peer: JavaPeer | null = null

  /** To be called in a suite: its hooks start and stop the broker. */
  constructor() {
    before(async () => {
      this.#server = await KafkaServer.start(join(this.root, 'kafka'))
      this.#peer = await JavaPeer.start(this.#server.brokers)
      await this.#peer.createTopic('payments', 4)
      await this.#peer.createTopic('totals', 4)
    })
    after(async () => {
      await this.#peer?.kill()
      await this.#server?.stop()
      rmSync(this.root, { recursive: true, force: true })
    })
  }

  get server(): KafkaServer {
    if (this.#server === null) throw new Error('the broker was not started')
    return this.#server
  }

  get peer(): JavaPeer {
    if (this.#peer === null) throw new Error('the peer was not started')
    return this.#peer
  }
}
