import type { MessagePort } from 'node:worker_threads'
import { fromWireError } from '../errors/error.ts'
import type { CompactionHandle, CompactionResult, CompactionTask, Compactor } from './compaction.ts'
import type { CompactionReply, CompactionRequest } from './compaction-messages.ts'

/** The compactor of a container: asks the node's compaction thread by a port that CompactionHost has made. */
export class ThreadCompactor implements Compactor {
  readonly #port: MessagePort
  readonly #onDelay: (error: Error) => void
  readonly #waiting = new Map<number, (result: CompactionResult) => void>()
  #number = 0

  /** `onDelay` is told each time a full disk makes a merge wait. */
  constructor(port: MessagePort, onDelay: (error: Error) => void) {
    this.#port = port
    this.#onDelay = onDelay
    port.on('message', (reply: CompactionReply) => this.#take(reply))
    port.unref()
  }

  compact(task: CompactionTask, done: (result: CompactionResult) => void): CompactionHandle {
    const id = ++this.#number
    this.#waiting.set(id, done)
    this.#post({ kind: 'compact', id, task })
    return {
      steps: null,
      cancel: () => {
        if (this.#waiting.delete(id)) this.#post({ kind: 'cancel', id })
      },
    }
  }

  #post(request: CompactionRequest): void {
    this.#port.postMessage(request)
  }

  #take(reply: CompactionReply): void {
    const done = this.#waiting.get(reply.id)
    if (done === undefined) return
    if (reply.kind === 'delayed') {
      this.#onDelay(fromWireError(reply.error))
      return
    }
    this.#waiting.delete(reply.id)
    done({ file: reply.file, error: reply.error === null ? null : fromWireError(reply.error) })
  }

  /** Gives up all that was asked for. */
  close(): void {
    this.#port.close()
  }
}
