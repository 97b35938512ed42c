import { MessageChannel, type MessagePort, type Transferable, Worker, workerData } from 'node:worker_threads'
import { threadExecArgv } from './thread-exec-argv.ts'

/** What a thread hears before its work: modules that it will need, any number of times, then what to do. */
type Beginning<T> = { readonly load: string } | { readonly begin: T }

interface WaitingThreadData {
  readonly beginning: MessagePort
}

/**
 * A thread that loads its modules and then waits to be told what to do: a start of a process goes on meanwhile, on other
 * cores. While it waits it does not keep the process alive.
 */
export class WaitingThread {
  readonly #worker: Worker
  readonly #beginning: MessagePort
  /** It ended by itself before it was told anything: why, nobody has been told either. */
  #ended = false
  readonly #onEnd = (): void => {
    this.#ended = true
  }

  constructor(entry: URL, name: string) {
    const { port1, port2 } = new MessageChannel()
    const data: WaitingThreadData = { beginning: port2 }
    this.#beginning = port1
    this.#worker = new Worker(entry, { ...threadExecArgv(), name, workerData: data, transferList: [port2] })
    this.#worker.on('error', this.#onEnd)
    this.#worker.on('exit', this.#onEnd)
    this.#worker.unref()
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Has it import a module that its work will import. What goes wrong is told when the work does. */
  load(url: string): void {
    this.#beginning.postMessage({ load: url } satisfies Beginning<never>)
  }

  /** Tells it what to do. From here on the thread is its caller's to listen to; it keeps the process alive. */
  begin(data: unknown, transfer: readonly Transferable[] = []): Worker {
    this.#worker.off('error', this.#onEnd)
    this.#worker.off('exit', this.#onEnd)
    this.#worker.ref()
    this.#beginning.postMessage({ begin: data } satisfies Beginning<unknown>, transfer)
    return this.#worker
  }

  /** Ends a thread that is not needed. */
  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** In such a thread: calls `work` with what it was begun with. The thread lives as long as that runs, and what it opens. */
export function onBegin(work: (data: never) => void | Promise<void>): void {
  const { beginning } = workerData as WaitingThreadData
  beginning.on('message', (message: Beginning<never>) => {
    if ('load' in message) {
      // The work imports the same module, and says what is wrong with it.
      import(message.load).catch(() => undefined)
    } else void begin(message.begin)
  })
  const begin = async (data: never): Promise<void> => {
    try {
      await work(data)
    } finally {
      beginning.close()
    }
  }
}
