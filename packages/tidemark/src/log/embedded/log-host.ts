import { MessageChannel, type Worker } from 'node:worker_threads'
import { nodeDisk } from '../../disk/node-disk.ts'
import { nodeProcesses } from '../../disk/process-table.ts'
import { fromWireError, TidemarkError } from '../../errors/error.ts'
import type { PortInit, ProducerState, StoredDelta, StreamInfo, StreamSpec, SystemHost } from '../types.ts'
import type { EmbeddedLog } from './embedded-log.ts'
import { releaseAbandonedLock } from './lock.ts'
import type { FsyncPolicy } from './options.ts'
import { SharedOffsets } from './shared-offsets.ts'
import type { LogStatistics } from './statistics.ts'
import type { HostMessage, HostReply, LogThreadData, RemoteArguments, RemoteMethod } from './thread-messages.ts'
import { WaitingThread } from '../waiting-thread.ts'
import { type LogPortInit, ThreadLogPort } from './thread-log-port.ts'

const RETENTION_INTERVAL_MS = 60_000

export interface LogHostOptions {
  readonly directory: string
  readonly job: string | null
  readonly journalMaxBytes?: number
  readonly segmentMaxBytes?: number
  readonly fsync?: FsyncPolicy
  /** How often retention is applied, ms (default 60000). */
  readonly retentionIntervalMs?: number
  /** One of `logThread` that waits already. */
  readonly thread?: WaitingThread
}

/** A thread that is ready to open a log. */
export function logThread(): WaitingThread {
  const entry = import.meta.url.endsWith('.ts') ? './log-thread.ts' : './log-thread.js'
  return new WaitingThread(new URL(entry, import.meta.url), 'tidemark-log')
}

interface Asked {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** The log thread as the supervisor sees it. Calls reject with what the EmbeddedLog throws. */
export class LogHost implements SystemHost {
  readonly directory: string
  readonly offsets: SharedOffsets
  /** Settles, never rejects, with the error when the thread ends without having been asked to: the run is over. */
  readonly failure: Promise<Error>
  readonly #worker: Worker
  readonly #asked = new Map<number, Asked>()
  readonly #exited: Promise<void>
  #fail: (error: Error) => void = () => {}
  #number = 0
  #closing: Promise<void> | null = null
  #error: Error | null = null
  /** The thread holds the lock: it has opened the log, and has not said that it is ending. */
  #holdsLock = false

  private constructor(options: LogHostOptions, offsets: SharedOffsets, worker: Worker) {
    this.directory = options.directory
    this.offsets = offsets
    this.#worker = worker
    this.failure = new Promise((resolve) => {
      this.#fail = resolve
    })
    worker.on('message', (message: HostReply) => this.#onMessage(message))
    worker.on('error', (error) => this.#onEnd(error as Error))
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        if (this.#closing === null || this.#asked.size > 0) this.#onExit(code)
        else this.#error = new TidemarkError('ERR_LOG_CLOSED', `the log in ${this.directory} was closed.`)
        resolve()
      })
    })
  }

  /** Starts the thread and opens or recovers the log; rejects with what `EmbeddedLog.open` throws. */
  static async start(options: LogHostOptions): Promise<LogHost> {
    const offsets = SharedOffsets.allocate()
    const data: LogThreadData = {
      directory: options.directory,
      job: options.job,
      shared: offsets.shared,
      journalMaxBytes: options.journalMaxBytes,
      segmentMaxBytes: options.segmentMaxBytes,
      fsync: options.fsync,
      retentionIntervalMs: options.retentionIntervalMs ?? RETENTION_INTERVAL_MS,
    }
    const host = new LogHost(options, offsets, (options.thread ?? logThread()).begin(data))
    const worker = host.#worker
    const ready = new Promise<void>((resolve) => {
      const listen = (message: HostReply): void => {
        if (message.kind !== 'ready') return
        worker.off('message', listen)
        resolve()
      }
      worker.on('message', listen)
    })
    const error = await Promise.race([ready.then(() => null), host.failure])
    if (error === null) return host
    await host.#exited
    throw error
  }

  streams(): Promise<StreamInfo[]> {
    return this.#ask('streams', [])
  }

  createStream(spec: StreamSpec): Promise<StreamInfo> {
    return this.#ask('createStream', [spec])
  }

  claim(producer: string, meta: string): Promise<ProducerState> {
    return this.#ask('claim', [producer, meta])
  }

  producer(name: string): Promise<ProducerState | undefined> {
    return this.#ask('producer', [name])
  }

  producers(): Promise<ProducerState[]> {
    return this.#ask('producers', [])
  }

  deltas(producer: string, afterId: number): Promise<StoredDelta[]> {
    return this.#ask('deltas', [producer, afterId])
  }

  /** Also the way to let go of a producer that will never flush: with its committed id, its deltas are given up. */
  flushed(producer: string, id: number): Promise<void> {
    return this.#ask('flushed', [producer, id])
  }

  trim(stream: number, partition: number, beforeOffset: number): Promise<void> {
    return this.#ask('trim', [stream, partition, beforeOffset])
  }

  applyRetention(): Promise<void> {
    return this.#ask('applyRetention', [])
  }

  statistics(): Promise<LogStatistics> {
    return this.#ask('statistics', [])
  }

  /** Makes a port for one container. Send it with `init.port` in the transfer list, or use it on this thread. */
  port(): LogPortInit {
    const { port1, port2 } = new MessageChannel()
    const pending = new SharedArrayBuffer(4)
    this.#worker.postMessage({ kind: 'port', port: port1, pending } satisfies HostMessage, [port1])
    return { directory: this.directory, port: port2, shared: this.offsets.shared, pending }
  }

  portFor(): PortInit {
    const init = this.port()
    return { module: null, data: init, transfer: [init.port] }
  }

  openPort(): Promise<ThreadLogPort> {
    return Promise.resolve(new ThreadLogPort(this.port()))
  }

  /** Commits what was sent, closes the log, releases the lock, ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Ends the thread at once, in the middle of whatever it does: as a crash of it would. `failure` settles. */
  async terminate(): Promise<void> {
    await this.#worker.terminate()
    await this.#exited
  }

  async #close(): Promise<void> {
    if (this.#error === null) await this.#send((number) => ({ kind: 'close', number }))
    await this.#exited
  }

  #ask<M extends RemoteMethod>(method: M, args: RemoteArguments<M>): Promise<ReturnType<EmbeddedLog[M]>> {
    return this.#send((number) => ({ kind: 'request', number, method, args })) as Promise<ReturnType<EmbeddedLog[M]>>
  }

  #send(message: (number: number) => HostMessage): Promise<unknown> {
    const error = this.#error
    if (error !== null) return Promise.reject(error)
    const number = ++this.#number
    return new Promise((resolve, reject) => {
      this.#asked.set(number, { resolve, reject })
      this.#worker.postMessage(message(number))
    })
  }

  #onMessage(message: HostReply): void {
    if (message.kind === 'ready') {
      this.#holdsLock = true
      return
    }
    if (message.kind === 'fatal') {
      this.#holdsLock = false
      this.#onEnd(fromWireError(message.error))
      return
    }
    const asked = this.#asked.get(message.number)
    this.#asked.delete(message.number)
    if (message.kind === 'refused') asked?.reject(fromWireError(message.error))
    else asked?.resolve(message.value)
  }

  #onExit(code: number): void {
    const ended = new TidemarkError(
      'ERR_LOG_THREAD',
      `the log thread of ${this.directory} ended unasked (exit code ${code}). Start again: what was committed is there.`,
      { details: { directory: this.directory, exitCode: code } },
    )
    this.#onEnd(ended)
    // The thread cannot release it any more, and this process lives on.
    if (this.#holdsLock) releaseAbandonedLock(nodeDisk, this.directory, nodeProcesses)
  }

  #onEnd(error: Error): void {
    this.#error ??= error
    for (const { reject } of this.#asked.values()) reject(this.#error)
    this.#asked.clear()
    this.#fail(this.#error)
  }
}
