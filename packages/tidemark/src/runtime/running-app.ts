import { availableParallelism } from 'node:os'
import type {
  App,
  CheckpointInfo,
  ReadMessage,
  RunOptions,
  SavepointInfo,
  SavepointOptions,
  StoreEntry,
  StoreReader,
  Summary,
} from '../api/app.ts'
import { isJob, type Job } from '../api/job.ts'
import type { StoreDef } from '../api/store-def.ts'
import type { StreamDef } from '../api/stream.ts'
import { systemClock } from '../clock/clock.ts'
import { uniqueId } from '../clock/unique-id.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import type { CommitResult, LogPort, StreamInfo } from '../log/types.ts'
import { zeroOf } from '../store/counter-store.ts'
import { importJob } from './import-job.ts'
import { MessageEncoder, type OutsideMessage } from './message-encoder.ts'
import { MessageReader } from './message-reader.ts'
import { Supervisor } from './supervisor.ts'
import { ThreadStock } from './thread-stock.ts'

/** What `run` does. */
export async function startApp(job: Job | URL, options: RunOptions = {}): Promise<App> {
  const jobUrl = job instanceof URL ? job.href : null
  const value = job instanceof URL ? await importJob(job.href) : job
  if (!isJob(value))
    throw new TidemarkError('ERR_JOB_NOT_A_JOB', 'run takes what defineJob returns, or the URL of its module')
  const supervisor = await Supervisor.start({
    job: value,
    jobUrl,
    run: options,
    disk: nodeDisk,
    clock: systemClock,
    defaultContainers: Math.max(1, availableParallelism() - 1),
    cpuSeconds,
    newId: uniqueId,
    threads: new ThreadStock(),
  })
  return new RunningApp(value, supervisor)
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

class RunningApp implements App {
  readonly #job: Job
  readonly #supervisor: Supervisor
  #sender: Promise<AppSender> | null = null
  /** Someone has asked how the run ends. */
  #watched = false

  constructor(job: Job, supervisor: Supervisor) {
    this.#job = job
    this.#supervisor = supervisor
  }

  get done(): Promise<Summary> {
    this.#watched = true
    return this.#supervisor.done
  }

  progress(): ReturnType<Supervisor['progress']> {
    return this.#supervisor.progress()
  }

  state(): ReturnType<App['state']> {
    return this.#supervisor.state()
  }

  drain(): Promise<Summary> {
    this.#watched = true
    return this.#supervisor.drainAs('drain')
  }

  checkpoint(): Promise<CheckpointInfo> {
    return this.#supervisor.savepoints.checkpoint()
  }

  savepoint(options: SavepointOptions = {}): Promise<SavepointInfo> {
    return this.#supervisor.savepoints.savepoint(options)
  }

  async send<K, V>(
    stream: StreamDef<K, V>,
    message: { readonly key: K; readonly value: V; readonly timestamp?: number },
  ): Promise<void> {
    this.#sender ??= AppSender.open(this.#job.name, this.#supervisor)
    const sender = await this.#sender
    const timestamp = message.timestamp ?? stream.time?.(message.value) ?? systemClock.now()
    await sender.send(stream as unknown as StreamDef<unknown, unknown>, {
      key: message.key,
      value: message.value,
      timestamp,
    })
  }

  /** The shape of answers depends on the store's kind: only the overloads know. */
  readonly store: App['store'] = ((store: StoreDef) => this.#reader(store)) as App['store']

  #reader(store: StoreDef): StoreReader {
    const { plan, containers } = this.#supervisor
    if (!plan.stores.some((s) => s.name === store.name)) {
      const names = plan.stores.map((s) => s.name).join(', ')
      throw new TidemarkError(
        'ERR_UNKNOWN_STORE',
        `job ${plan.job} has no store ${store.name}. Its stores: ${names || 'none'}`,
      )
    }
    return {
      get: async (key, at) => {
        const query = {
          store: store.name,
          key,
          ...(at?.start === undefined ? {} : { windowStart: at.start }),
          ...(at?.asOf === undefined ? {} : { asOfMs: at.asOf }),
        }
        return answerOf(store, await containers.query(query))
      },
      scan: (options) =>
        scan(containers.query({ store: store.name, limit: options?.limit ?? Number.MAX_SAFE_INTEGER })),
    }
  }

  async *read<K, V>(
    stream: StreamDef<K, V>,
    options: { readonly follow?: boolean } = {},
  ): AsyncIterable<ReadMessage<K, V>> {
    const { host, streams } = this.#supervisor
    const info = infoOf(streams, stream.name)
    const def = stream as unknown as StreamDef<unknown, unknown>
    const port = await host.openPort([])
    const readers = Array.from(
      { length: info.partitions },
      (_, partition) => new MessageReader({ port, stream: def, info, partition }),
    )
    let wake: () => void = () => {}
    let advanced = Promise.withResolvers<void>()
    port.onAdvanced(() => wake())
    let ended = false
    this.#supervisor.done.then(
      () => finish(),
      () => finish(),
    )
    const finish = (): void => {
      ended = true
      wake()
    }
    try {
      for (;;) {
        advanced = Promise.withResolvers<void>()
        wake = advanced.resolve
        for (const reader of readers) {
          for (let m = reader.next(); m !== null; m = reader.next()) {
            yield {
              key: m.key as K | null,
              value: m.value as V | null,
              timestamp: m.timestamp,
              partition: m.partition,
              offset: m.offset,
            }
          }
        }
        if (options.follow !== true || ended) return
        await advanced.promise
      }
    } finally {
      for (const reader of readers) reader.close()
      port.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#supervisor.drainAs('drain')
    } catch (error) {
      // Told by `done` or `drain` already: once more, it would hide the first under a SuppressedError.
      if (!this.#watched) throw error
    }
  }
}

/** Several tasks may answer; counters that nobody has are 0, lists and sets empty. */
function answerOf(store: StoreDef, entries: readonly StoreEntry[]): unknown {
  const { kind } = store
  if (kind === 'counter') {
    const zero = zeroOf(store)
    return entries.find((entry) => entry.value !== zero)?.value ?? zero
  }
  return entries[0]?.value ?? (kind === 'list' || kind === 'set' ? [] : undefined)
}

async function* scan(answer: Promise<readonly StoreEntry[]>): AsyncIterable<StoreEntry> {
  yield* await answer
}

function infoOf(streams: ReadonlyMap<string, StreamInfo>, name: string): StreamInfo {
  const info = streams.get(name)
  if (info === undefined) {
    throw new TidemarkError(
      'ERR_UNKNOWN_STREAM',
      `the job has no stream ${name}. Its streams: ${[...streams.keys()].join(', ')}`,
    )
  }
  return info
}

/** Puts messages into streams from outside the job: each its own transaction, durable when `send` resolves. */
class AppSender {
  readonly #port: LogPort
  readonly #streams: ReadonlyMap<string, StreamInfo>
  readonly #producer: string
  readonly #epoch: number
  readonly #encoders = new Map<string, MessageEncoder>()
  #id: number

  private constructor(
    port: LogPort,
    streams: ReadonlyMap<string, StreamInfo>,
    producer: string,
    epoch: number,
    id: number,
  ) {
    this.#port = port
    this.#streams = streams
    this.#producer = producer
    this.#epoch = epoch
    this.#id = id
  }

  static async open(job: string, supervisor: Supervisor): Promise<AppSender> {
    const producer = `app:${job}`
    const { epoch, id } = await supervisor.host.claim(producer, JSON.stringify({ job }))
    return new AppSender(await supervisor.host.openPort([producer]), supervisor.streams, producer, epoch, id)
  }

  async send(stream: StreamDef<unknown, unknown>, message: OutsideMessage): Promise<void> {
    let encoder = this.#encoders.get(stream.name)
    if (encoder === undefined) {
      encoder = new MessageEncoder(stream, infoOf(this.#streams, stream.name))
      this.#encoders.set(stream.name, encoder)
    }
    const append = encoder.encode(message, systemClock.now())
    const result = await new Promise<CommitResult>((resolve) => {
      this.#port.commit(
        {
          producer: this.#producer,
          epoch: this.#epoch,
          id: ++this.#id,
          appends: [append],
          delta: null,
          checkpoint: new Uint8Array(0),
        },
        resolve,
      )
    })
    if (result.outcome === 'committed') return
    throw result.error === null
      ? new TidemarkError('ERR_FENCED', `another run of the job sends to ${stream.name} now`)
      : fromWireError(result.error)
  }
}
