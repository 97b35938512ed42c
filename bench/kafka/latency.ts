import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { RunOptions } from 'tidemark'
import { BatchEncoder, murmur2, RecordCursor, systemClock } from 'tidemark/system'
import { Fetcher } from '../../packages/kafka/src/fetch/fetcher.ts'
import type { Cluster } from '../../packages/kafka/src/net/cluster.ts'
import { IdempotentProducer } from '../../packages/kafka/src/produce/idempotent-producer.ts'
import type { BenchJob } from './cases.ts'
import { Histogram } from './histogram.ts'

const PROGRAM = join(import.meta.dirname, '../../packages/kafka/test/job/fixtures/run-on-kafka.ts')
const VALUE_BYTES = 90
const KEYS = 10_000
const READ_BYTES = 1024 * 1024
/** As `linger.ms` of Java's producer, by default since Kafka 4.0. */
const PACE_MS = 5
const MOST_IN_FLIGHT = 2
/** Outputs that have not come so long after the last input will not come. */
const LAST_OUTPUT_MS = 60_000
/** A job has begun, and has its first record, by then. */
const START_MS = 120_000

export type Delivery = NonNullable<RunOptions['delivery']>

export interface LatencyRun {
  readonly cluster: Cluster
  readonly brokers: string
  readonly job: BenchJob
  /** Both are there, with as many partitions. */
  readonly input: string
  readonly output: string
  readonly partitions: number
  readonly perSecond: number
  /** Records before the measured ones, while the job warms up. */
  readonly warmupMs: number
  readonly measuredMs: number
  readonly commitMs: number
  readonly delivery: Delivery
  readonly directory: string
}

export interface Latencies {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly records: number
}

/**
 * Runs a job over records that come at a steady rate, and measures from when a record was due (its timestamp, by the wall
 * clock, in whole ms) to when a read-committed reader has its output. That a late producer or a slow job delays what follows
 * counts for each record that was due meanwhile: nothing is left out for want of somebody to send it.
 */
export async function measureLatency(run: LatencyRun): Promise<Latencies> {
  const job = await startJob(run)
  const outputs = new Outputs(run)
  try {
    const input = await Input.open(run)
    const first = await input.first()
    await outputs.until(first, systemClock.now() + START_MS)
    const total = Math.round((run.perSecond * (run.warmupMs + run.measuredMs)) / 1000)
    const startMs = systemClock.now() + 100
    outputs.measureFrom(startMs + run.warmupMs)
    const deadlineMs = startMs + run.warmupMs + run.measuredMs + LAST_OUTPUT_MS
    await Promise.all([input.paced(total, startMs), outputs.until(first + total, deadlineMs)])
    const { histogram } = outputs
    return {
      p50Ms: histogram.percentileMs(0.5),
      p99Ms: histogram.percentileMs(0.99),
      maxMs: histogram.maxMs,
      records: histogram.count,
    }
  } finally {
    outputs.close()
    await stop(job)
  }
}

/** A process with the job, which has begun. */
async function startJob(run: LatencyRun): Promise<ChildProcess> {
  const { job, brokers, commitMs, delivery, directory } = run
  const url = pathToFileURL(join(import.meta.dirname, `${job}.job.ts`)).href
  const options: RunOptions = { containers: 1, dataDir: directory, delivery, commit: { intervalMs: commitMs } }
  const env = { ...process.env, BENCH_INPUT: run.input, BENCH_OUTPUT: run.output, BENCH_EMIT: 'update' }
  const child = spawn(process.execPath, [PROGRAM, url, brokers, JSON.stringify(options)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the job ended with ${code} before it had begun`)))
  })
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}

/** Writes records of a few keys. */
class Input {
  readonly #run: LatencyRun
  readonly #producer: IdempotentProducer
  readonly #encoders: readonly BatchEncoder[]
  readonly #pending: Int32Array
  readonly #value = new Uint8Array(VALUE_BYTES).fill(120)
  /** By partition: batches that are not acknowledged yet. */
  readonly #inFlight: Int32Array
  readonly #sends: Promise<void>[] = []

  private constructor(run: LatencyRun, producer: IdempotentProducer) {
    this.#run = run
    this.#producer = producer
    this.#encoders = Array.from({ length: run.partitions }, () => new BatchEncoder(64 * 1024))
    this.#pending = new Int32Array(run.partitions)
    this.#inFlight = new Int32Array(run.partitions)
  }

  static async open(run: LatencyRun): Promise<Input> {
    const { cluster } = run
    const { random, clock } = cluster
    const producer = new IdempotentProducer({ cluster, clock, random, timeoutMs: LAST_OUTPUT_MS })
    await producer.init()
    return new Input(run, producer)
  }

  /** One record for each partition; how many these are. */
  async first(): Promise<number> {
    const { partitions } = this.#run
    for (let user = 0, left = partitions; left > 0; user++) {
      if (this.#pending[partitionOf(user, partitions)] !== 0) continue
      this.#append(user, systemClock.now())
      left--
    }
    this.#send()
    await Promise.all(this.#sends)
    return partitions
  }

  /** Sends each record when it is due, or as soon as it can after that. */
  async paced(total: number, startMs: number): Promise<void> {
    const { perSecond } = this.#run
    for (let sent = 0; sent < total || this.#pending.some((each) => each > 0); ) {
      const due = Math.min(total, Math.floor(((systemClock.now() - startMs) * perSecond) / 1000))
      for (; sent < due; sent++) this.#append((sent * 7919) % KEYS, Math.floor(startMs + (sent * 1000) / perSecond))
      this.#send()
      await systemClock.sleep(PACE_MS)
    }
    await Promise.all(this.#sends)
  }

  #append(user: number, timestamp: number): void {
    const key = Buffer.from(`user-${user}`)
    const partition = partitionOf(user, this.#run.partitions)
    this.#pending[partition] = (this.#pending[partition] as number) + 1
    this.#encoders[partition]?.append(timestamp, key, 0, key.length, this.#value, 0, VALUE_BYTES, null)
  }

  /** As producers do: what comes while so many batches are under way goes together in the next. */
  #send(): void {
    for (const [partition, encoder] of this.#encoders.entries()) {
      if (this.#pending[partition] === 0 || (this.#inFlight[partition] as number) >= MOST_IN_FLIGHT) continue
      this.#pending[partition] = 0
      this.#inFlight[partition] = (this.#inFlight[partition] as number) + 1
      const sent = this.#deliver(partition, encoder.finish())
      // Whoever waits for all of them is told.
      sent.catch(() => {})
      this.#sends.push(sent)
      encoder.reset()
    }
  }

  async #deliver(partition: number, batch: Uint8Array): Promise<void> {
    await this.#producer.send(this.#run.input, partition, batch)
    this.#inFlight[partition] = (this.#inFlight[partition] as number) - 1
  }
}

/** As Java's producer chooses. */
function partitionOf(user: number, partitions: number): number {
  return (murmur2(Buffer.from(`user-${user}`)) & 0x7fffffff) % partitions
}

/** Reads outputs as they come. */
class Outputs {
  readonly histogram: Histogram = new Histogram()
  readonly #fetcher: Fetcher
  readonly #readers: ReturnType<Fetcher['reader']>[]
  readonly #cursor = new RecordCursor()
  #fromMs = Number.POSITIVE_INFINITY
  #seen = 0
  #wake = (): void => {}

  constructor({ cluster, output, partitions }: LatencyRun) {
    const wake = (): void => this.#wake()
    this.#fetcher = new Fetcher({ cluster, readCommitted: true, outOfRange: 'fail', onData: wake, onFailed: wake })
    this.#readers = Array.from({ length: partitions }, (_, partition) => this.#fetcher.reader(output, partition))
    for (const reader of this.#readers) reader.seek(0)
  }

  /** Records that were due before are not measured; none is until this is called. */
  measureFrom(ms: number): void {
    this.#fromMs = ms
  }

  /** Settles when so many outputs have come in all. */
  async until(total: number, deadlineMs: number): Promise<void> {
    while (this.#seen < total) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve))
      let some = false
      for (const reader of this.#readers) some = this.#take(reader) || some
      if (some) continue
      const over = new AbortController()
      const late = systemClock.sleep(Math.max(0, deadlineMs - systemClock.now()), over.signal).then(
        () => Promise.reject(new Error(`of ${total} records ${this.#seen} came out`)),
        () => {},
      )
      try {
        await Promise.race([woken, late])
      } finally {
        over.abort()
      }
    }
  }

  #take(reader: ReturnType<Fetcher['reader']>): boolean {
    const read = reader.read(READ_BYTES)
    if (read === null) return false
    const nowMs = systemClock.now()
    const cursor = this.#cursor
    cursor.reset(read.bytes)
    while (cursor.nextBatch()) {
      while (cursor.next()) {
        if (cursor.offset < read.start) continue
        this.#seen++
        if (cursor.timestamp >= this.#fromMs) this.histogram.add(nowMs - cursor.timestamp)
      }
    }
    return true
  }

  close(): void {
    this.#fetcher.close()
  }
}
