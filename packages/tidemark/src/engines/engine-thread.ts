import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { fromWireError, TidemarkError, type WireError } from '../errors/error.ts'
import { awaitChange } from './await-change.ts'
import { threadExecArgv } from '../log/thread-exec-argv.ts'
import type { NativeEngineName } from './native.ts'

/** What is asked of the thread; each gets one answer. */
export type EngineRequest =
  | { readonly op: 'attach'; readonly location: string; readonly attachment: unknown }
  | { readonly op: 'entries'; readonly location: string; readonly bytes: Uint8Array }
  | { readonly op: 'commit'; readonly location: string }
  | { readonly op: 'discard'; readonly location: string }
  | { readonly op: 'detach'; readonly location: string }
  | { readonly op: 'ask'; readonly location: string; readonly question: unknown }

export interface EngineAnswer {
  readonly value: unknown
  readonly error: WireError | null
}

export interface EngineThreadData {
  readonly engine: NativeEngineName
  readonly requests: MessagePort
  /** Requests that the asking thread waits for, blocked, and the counter that wakes it. */
  readonly urgent: MessagePort
  readonly answered: SharedArrayBuffer
}

/** A read that takes longer will not end: the thread cannot tell that it died, since this one is blocked. */
const ANSWER_TIMEOUT_MS = 60_000

const threads = new Map<NativeEngineName, EngineThread>()

/**
 * The thread on which all databases of one engine, of one container, are written: a flush costs the container only the
 * copy of its entries. One per engine and container, started when it is first needed. It ends with the container: a task
 * that is opened again finds it there, which saves most of the time of opening.
 */
export class EngineThread {
  readonly #engine: NativeEngineName
  readonly #worker: Worker
  readonly #requests: MessagePort
  readonly #urgent: MessagePort
  readonly #answered: Int32Array
  readonly #waiting: PromiseWithResolvers<unknown>[] = []
  #failure: Error | null = null

  /** Use `EngineThread.of`. */
  constructor(engine: NativeEngineName) {
    this.#engine = engine
    const requests = new MessageChannel()
    const urgent = new MessageChannel()
    const answered = new SharedArrayBuffer(4)
    this.#requests = requests.port1
    this.#urgent = urgent.port1
    this.#answered = new Int32Array(answered)
    const workerData: EngineThreadData = { engine, requests: requests.port2, urgent: urgent.port2, answered }
    const entry = import.meta.url.endsWith('.ts') ? './engine-thread-main.ts' : './engine-thread-main.js'
    this.#worker = new Worker(new URL(entry, import.meta.url), {
      ...threadExecArgv(),
      workerData,
      transferList: [requests.port2, urgent.port2],
      name: `tidemark-${engine}`,
    })
    this.#requests.on('message', (answer: EngineAnswer) => this.#settle(answer))
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', (code) => this.#fail(new Error(`the thread of ${engine} ended with exit code ${code}`)))
    // It holds the process up only while something is asked of it.
    this.#worker.unref()
    this.#requests.unref()
  }

  /** The thread of an engine. */
  static of(engine: NativeEngineName): EngineThread {
    let thread = threads.get(engine)
    if (thread === undefined) {
      thread = new EngineThread(engine)
      threads.set(engine, thread)
    }
    return thread
  }

  /** Asks, without waiting for the answer before. Answers come in order. Rejects with what the thread threw. */
  ask(request: EngineRequest): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const waiting = Promise.withResolvers<unknown>()
    if (this.#waiting.push(waiting) === 1) {
      this.#worker.ref()
      this.#requests.ref()
    }
    this.#requests.postMessage(request, request.op === 'entries' ? [request.bytes.buffer as ArrayBuffer] : [])
    return waiting.promise
  }

  /** Asks the writer of a location something and blocks until it has answered. */
  askNow(location: string, question: unknown): unknown {
    if (this.#failure !== null) throw this.#failure
    const before = Atomics.load(this.#answered, 0)
    this.#urgent.postMessage({ op: 'ask', location, question } satisfies EngineRequest)
    if (!awaitChange(this.#answered, before, ANSWER_TIMEOUT_MS)) {
      throw new TidemarkError(
        'ERR_ENGINE',
        `${this.#engine} has not answered a read of ${location} for ${ANSWER_TIMEOUT_MS / 1000} s: its thread has died or hangs. ` +
          'Check the disk and its log, then start again: the task goes on from its last checkpoint',
        { details: { engine: this.#engine, path: location } },
      )
    }
    const received = receiveMessageOnPort(this.#urgent) as { readonly message: EngineAnswer }
    const { value, error } = received.message
    if (error !== null) throw fromWireError(error)
    return value
  }

  #settle({ value, error }: EngineAnswer): void {
    const waiting = this.#waiting.shift()
    if (error === null) waiting?.resolve(value)
    else waiting?.reject(fromWireError(error))
    if (this.#waiting.length === 0) {
      this.#worker.unref()
      this.#requests.unref()
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    if (threads.get(this.#engine) === this) threads.delete(this.#engine)
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#failure)
  }
}
