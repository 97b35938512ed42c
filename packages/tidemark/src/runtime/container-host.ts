import type { MessagePort, Worker } from 'node:worker_threads'
import type { StateMetrics } from '../api/state-metrics.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import type { WaitingThread } from '../log/waiting-thread.ts'
import type { PortInit, StreamInfo } from '../log/types.ts'
import type { ContainerStatus } from './container.ts'
import type { Pulse } from './pulse.ts'
import type {
  ContainerInit,
  ContainerRequest,
  ContainerSettings,
  FromContainer,
  QueryEntry,
  StoreQuery,
  TaskCheckpoint,
  TaskGrant,
  ToContainer,
} from './thread-messages.ts'

export interface HostEvents {
  readonly onReady: (restoredMs: number) => void
  readonly onStatus: (status: ContainerStatus) => void
  /** The job cannot go on: a handler failed, a disk is full. */
  readonly onFailed: (error: Error) => void
  /** The container is gone without having been asked; its tasks have to be started again. */
  readonly onCrashed: (error: Error) => void
  readonly onLog: (level: string, text: string) => void
}

/** A container as the supervisor sees it, on a thread of its own or on this one. */
export interface ContainerHost {
  setEnd(stream: string, ends: readonly number[]): void
  requestCommit(): void
  drain(): Promise<void>
  query(query: StoreQuery): Promise<readonly QueryEntry[]>
  /** Settles when all tasks have done it; rejects when the container is gone before. */
  ask(request: ContainerRequest): Promise<readonly TaskCheckpoint[]>
  /** What the state of its tasks holds; rejects when the container is gone before. */
  state(): Promise<StateMetrics>
  /** Ends it as a crash for this reason, whatever it is at. A container on the supervisor's own thread cannot be. */
  abandon(reason: Error): void
  close(): Promise<void>
}

export interface HostOptions {
  readonly index: number
  readonly settings: ContainerSettings
  readonly streams: readonly StreamInfo[]
  readonly grants: readonly TaskGrant[]
  readonly log: PortInit
  readonly pulse: Pulse
  /** To the node's compaction thread. */
  readonly compaction: MessagePort
  readonly events: HostEvents
}

const CLOSE_TIMEOUT_MS = 5000

interface Waiting<T> {
  readonly resolve: (answer: T) => void
  readonly reject: (error: Error) => void
}

/** A container on a thread of its own. */
export class ThreadContainer implements ContainerHost {
  readonly #worker: Worker
  readonly #events: HostEvents
  readonly #exited: Promise<void>
  readonly #queries = new Map<number, Waiting<readonly QueryEntry[]>>()
  readonly #requests = new Map<number, Waiting<readonly TaskCheckpoint[]>>()
  readonly #states = new Map<number, Waiting<StateMetrics>>()
  #queryId = 0
  #closing = false
  #failed = false
  #drained: (() => void) | null = null
  #error: Error | null = null
  #abandoned: Error | null = null

  constructor(jobUrl: string, thread: WaitingThread, options: HostOptions) {
    const init: ContainerInit = {
      jobUrl,
      index: options.index,
      settings: options.settings,
      streams: options.streams,
      grants: options.grants,
      log: { ...options.log, transfer: [] },
      compaction: options.compaction,
      pulse: options.pulse.shared,
    }
    this.#events = options.events
    this.#worker = thread.begin(init, [...options.log.transfer, options.compaction])
    this.#worker.on('message', (message: FromContainer) => this.#take(message))
    this.#worker.on('error', (error: unknown) => {
      this.#error = error instanceof Error ? error : new Error(String(error))
    })
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#gone(code)
        resolve()
      })
    })
  }

  #send(message: ToContainer): void {
    this.#worker.postMessage(message)
  }

  #take(message: FromContainer): void {
    switch (message.kind) {
      case 'ready':
        return this.#events.onReady(message.restoredMs)
      case 'status':
        return this.#events.onStatus(message.status)
      case 'log':
        return this.#events.onLog(message.level, message.text)
      case 'drained':
        return this.#drained?.()
      case 'failed':
        this.#failed = true
        return this.#events.onFailed(fromWireError(message.error))
      case 'state': {
        const waiting = this.#states.get(message.id)
        this.#states.delete(message.id)
        if (message.state !== null) waiting?.resolve(message.state)
        else if (message.error !== null) waiting?.reject(fromWireError(message.error))
        return
      }
      case 'asked': {
        const waiting = this.#requests.get(message.id)
        this.#requests.delete(message.id)
        if (message.error === null) waiting?.resolve(message.tasks)
        else waiting?.reject(fromWireError(message.error))
        return
      }
      case 'answer': {
        const waiting = this.#queries.get(message.id)
        this.#queries.delete(message.id)
        if (message.error === null) waiting?.resolve(message.entries)
        else waiting?.reject(fromWireError(message.error))
        return
      }
    }
  }

  #gone(code: number): void {
    const cause = this.#error
    const why = cause === null ? `it exited with code ${code}` : cause.message
    const crash =
      this.#abandoned ?? new TidemarkError('ERR_CONTAINER_CRASHED', `a container crashed: ${why}`, { cause })
    const all = [...this.#queries.values(), ...this.#requests.values(), ...this.#states.values()]
    for (const waiting of all) waiting.reject(crash)
    this.#states.clear()
    this.#queries.clear()
    this.#requests.clear()
    this.#drained?.()
    if (!this.#closing && !this.#failed) this.#events.onCrashed(crash)
  }

  setEnd(stream: string, ends: readonly number[]): void {
    this.#send({ kind: 'end', stream, ends })
  }

  requestCommit(): void {
    this.#send({ kind: 'commit' })
  }

  async drain(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#drained = resolve
      this.#send({ kind: 'drain' })
    })
  }

  query(query: StoreQuery): Promise<readonly QueryEntry[]> {
    return new Promise((resolve, reject) => {
      const id = ++this.#queryId
      this.#queries.set(id, { resolve, reject })
      this.#send({ kind: 'query', id, query })
    })
  }

  ask(request: ContainerRequest): Promise<readonly TaskCheckpoint[]> {
    return new Promise((resolve, reject) => {
      const id = ++this.#queryId
      this.#requests.set(id, { resolve, reject })
      this.#send({ kind: 'ask', id, request })
    })
  }

  state(): Promise<StateMetrics> {
    return new Promise((resolve, reject) => {
      const id = ++this.#queryId
      this.#states.set(id, { resolve, reject })
      this.#send({ kind: 'state', id })
    })
  }

  abandon(reason: Error): void {
    this.#abandoned ??= reason
    void this.#worker.terminate()
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#send({ kind: 'close' })
    // A handler in an endless loop never reads the message. Nothing is lost: what is committed is in the log.
    const timer = setTimeout(() => void this.#worker.terminate(), CLOSE_TIMEOUT_MS)
    await this.#exited
    clearTimeout(timer)
  }
}
