import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { TidemarkError, toWireError } from '../errors/error.ts'
import { threadExecArgv } from '../log/thread-exec-argv.ts'
import type {
  CompactionRequest,
  CompactionThreadData,
  FromCompactionThread,
  ToCompactionThread,
} from './compaction-messages.ts'

const END_TIMEOUT_MS = 2000

interface Client {
  readonly port: MessagePort
  /** Tasks without an answer. */
  readonly open: Set<number>
}

export interface CompactionHostOptions {
  /** Bytes that the thread writes per second, on average; 0: as fast as it can. */
  readonly bytesPerSecond: number
  /** The module of the thread; another one for tests. */
  readonly entry?: URL
}

/**
 * The compaction thread of a node, as the main thread sees it: one for all containers, started when the first of them has
 * something to merge. Each container gets a port of its own (see ThreadCompactor); what it asked for is given up when it
 * closes the port or ends.
 */
export class CompactionHost {
  readonly #options: CompactionHostOptions
  readonly #clients = new Map<number, Client>()
  #worker: Worker | null = null
  #exited: Promise<void> = Promise.resolve()
  #number = 0
  #closing = false
  #error: Error | null = null

  constructor(options: CompactionHostOptions) {
    this.#options = options
  }

  /** The port of a new client: for the transfer list of a container's thread, or for this thread. */
  port(): MessagePort {
    const { port1, port2 } = new MessageChannel()
    const number = ++this.#number
    const client: Client = { port: port1, open: new Set() }
    this.#clients.set(number, client)
    port1.on('message', (request: CompactionRequest) => this.#take(number, client, request))
    port1.on('close', () => {
      this.#clients.delete(number)
      this.#tell({ kind: 'gone', client: number })
    })
    // A base that is open does not keep the process alive; whoever uses it does.
    port1.unref()
    return port2
  }

  #take(number: number, client: Client, request: CompactionRequest): void {
    if (this.#closing) return
    if (request.kind === 'compact') {
      client.open.add(request.id)
      this.#worker ??= this.#start()
    } else client.open.delete(request.id)
    this.#tell({ kind: 'request', client: number, request })
  }

  #tell(message: ToCompactionThread): void {
    this.#worker?.postMessage(message)
  }

  #start(): Worker {
    const workerData: CompactionThreadData = { bytesPerSecond: this.#options.bytesPerSecond }
    const own = import.meta.url.endsWith('.ts') ? './compaction-thread.ts' : './compaction-thread.js'
    const worker = new Worker(this.#options.entry ?? new URL(own, import.meta.url), {
      workerData,
      name: 'tidemark-compact',
      ...threadExecArgv(),
    })
    worker.unref()
    worker.on('message', ({ client, reply }: FromCompactionThread) => {
      const known = this.#clients.get(client)
      if (reply.kind === 'done') known?.open.delete(reply.id)
      known?.port.postMessage(reply)
    })
    worker.on('error', (error: unknown) => {
      this.#error = error instanceof Error ? error : new Error(String(error))
    })
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#worker = null
        if (!this.#closing) this.#failAll(code)
        resolve()
      })
    })
    return worker
  }

  /** Whoever waits for the thread learns that it is gone; a later task starts another one. */
  #failAll(code: number): void {
    const cause = this.#error
    this.#error = null
    const why = cause === null ? `it exited with code ${code}` : cause.message
    const error = new TidemarkError(
      'ERR_COMPACTION_CRASHED',
      `the thread that merges state files ended by itself: ${why}. The files are as they were; start again, and report it.`,
      { cause },
    )
    for (const { port, open } of this.#clients.values()) {
      for (const id of open) port.postMessage({ kind: 'done', id, file: null, error: toWireError(error) })
      open.clear()
    }
  }

  /** Gives up what runs and ends the thread. The bases are closed by then. */
  async close(): Promise<void> {
    if (this.#closing) return this.#exited
    this.#closing = true
    const worker = this.#worker
    if (worker !== null) {
      this.#tell({ kind: 'end', clients: [...this.#clients.keys()] })
      // In the middle of a large write it looks at no message; the file it leaves is removed when its base is opened.
      const timer = setTimeout(() => void worker.terminate(), END_TIMEOUT_MS)
      await this.#exited
      clearTimeout(timer)
    }
    for (const { port } of this.#clients.values()) port.close()
  }
}
