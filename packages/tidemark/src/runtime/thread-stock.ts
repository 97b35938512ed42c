import { logThread } from '../log/embedded/log-host.ts'
import { WaitingThread } from '../log/waiting-thread.ts'

/**
 * Threads of a run that were started before it is known what they will do, so that they load their modules while the
 * main thread loads its own and opens the log.
 */
export class ThreadStock {
  #log: WaitingThread | null = null
  readonly #containers = new Map<number, WaitingThread>()
  readonly #modules: string[] = []

  /** Starts the threads of so many containers, and that of the log if there is one. */
  prepare(containers: number, hasLog: boolean): void {
    if (hasLog) this.#log ??= logThread()
    for (let index = 0; index < containers; index++) {
      if (!this.#containers.has(index)) this.#containers.set(index, this.#start(index))
    }
  }

  /** Has the containers import a module, now and when one is started: the job, say. */
  load(url: string): void {
    this.#modules.push(url)
    for (const thread of this.#containers.values()) thread.load(url)
  }

  #start(index: number): WaitingThread {
    const entry = import.meta.url.endsWith('.ts') ? './container-thread.ts' : './container-thread.js'
    const thread = new WaitingThread(new URL(entry, import.meta.url), `container ${index}`)
    for (const url of this.#modules) thread.load(url)
    return thread
  }

  /** A thread for the log; the caller's from here on. */
  log(): WaitingThread {
    const waiting = this.#log
    this.#log = null
    return waiting === null || waiting.ended ? logThread() : waiting
  }

  /** A thread for this container; the caller's from here on. */
  container(index: number): WaitingThread {
    const waiting = this.#containers.get(index)
    this.#containers.delete(index)
    return waiting === undefined || waiting.ended ? this.#start(index) : waiting
  }

  /** Ends the threads that nobody has taken. It can be used again. */
  async close(): Promise<void> {
    const left = [...(this.#log === null ? [] : [this.#log]), ...this.#containers.values()]
    this.#log = null
    this.#containers.clear()
    await Promise.all(left.map((thread) => thread.close()))
  }
}
