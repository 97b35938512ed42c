import { logThread } from '../log/embedded/log-host.ts'
import { WaitingThread } from '../log/waiting-thread.ts'

/**
 * Threads of a run that were started before it is known what they will do, so that they load their modules while the
 * main thread loads its own and opens the log.
 */
export class ThreadStock {
  #log: WaitingThread | null = null
  readonly #containers = new Map<number, WaitingThread>()
  #job: string | null = null

  /** Starts the thread of the log, and those of so many containers. */
  prepare(containers: number): void {
    this.#log ??= logThread()
    for (let index = 0; index < containers; index++) {
      if (!this.#containers.has(index)) this.#containers.set(index, this.#start(index))
    }
  }

  /** Has the containers import the job, now and when one is started. */
  load(jobUrl: string): void {
    this.#job = jobUrl
    for (const thread of this.#containers.values()) thread.load(jobUrl)
  }

  #start(index: number): WaitingThread {
    const entry = import.meta.url.endsWith('.ts') ? './container-thread.ts' : './container-thread.js'
    const thread = new WaitingThread(new URL(entry, import.meta.url), `container ${index}`)
    if (this.#job !== null) thread.load(this.#job)
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
