import type { CheckpointInfo, SavepointInfo } from '../api/app.ts'
import type { StateMetrics } from '../api/state-metrics.ts'
import { type FrameKind, readFramed, writeFramed } from '../checkpoint/framed-file.ts'
import type { Disk } from '../disk/disk.ts'
import { isTidemarkError, toWireError, type WireError } from '../errors/error.ts'

/**
 * How another process asks something of a running job: by a file in `control/` of the data directory, which the run looks
 * for and answers by a file beside it. No port, no secret: who may write there owns the data anyway.
 */
export type ControlRequest =
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'state' }
  | { readonly kind: 'release'; readonly checkpoint: string }
  | { readonly kind: 'savepoint'; readonly to: string | null; readonly timeoutMs: number | null }

/** A request as it is written: for the process that had the data directory open then, and for no later one. */
export interface AddressedRequest {
  readonly pid: number
  readonly request: ControlRequest
}

export type ControlResult =
  | ({ readonly kind: 'checkpoint' } & CheckpointInfo)
  | { readonly kind: 'release'; readonly found: boolean }
  | ({ readonly kind: 'state' } & StateMetrics)
  | ({ readonly kind: 'savepoint' } & SavepointInfo)

export interface ControlAnswer {
  readonly result: ControlResult | null
  readonly error: WireError | null
}

export const REQUEST_KIND: FrameKind = { kind: 'request', version: 1 }
export const ANSWER_KIND: FrameKind = { kind: 'answer', version: 1 }
const SUFFIX = '.request'

export function controlDirectory(dataDir: string): string {
  return `${dataDir}/control`
}

export function requestName(id: string): string {
  return id + SUFFIX
}

export function answerName(id: string): string {
  return `${id}.answer`
}

export interface ControlOptions {
  readonly disk: Disk
  readonly dataDir: string
  /** Of this process, as the data directory's lock names it. */
  readonly pid: number
  readonly serve: (request: ControlRequest) => Promise<ControlResult>
}

/** The side of the run. */
export class Control {
  readonly #options: ControlOptions
  readonly #directory: string

  /** Answers of former runs that nobody fetched are removed. */
  constructor(options: ControlOptions) {
    this.#options = options
    this.#directory = controlDirectory(options.dataDir)
    const { disk } = options
    for (const name of disk.list(this.#directory)) {
      if (!name.endsWith(SUFFIX)) disk.remove(`${this.#directory}/${name}`)
    }
  }

  /** Looks for requests, takes each once, and answers it when it is done. Those to a former run are dropped. */
  look(): void {
    const { disk, pid } = this.#options
    for (const name of disk.list(this.#directory)) {
      if (!name.endsWith(SUFFIX)) continue
      const path = `${this.#directory}/${name}`
      const addressed = this.#read(path)
      disk.remove(path)
      if (!(addressed instanceof Error) && addressed.pid !== pid) continue
      const request = addressed instanceof Error ? addressed : addressed.request
      void this.#answer(name.slice(0, -SUFFIX.length), request)
    }
  }

  /** An error as well: it goes to the one who asked. */
  #read(path: string): AddressedRequest | Error {
    try {
      return readFramed(this.#options.disk, REQUEST_KIND, path) as AddressedRequest
    } catch (error) {
      if (isTidemarkError(error)) return error
      throw error
    }
  }

  async #answer(id: string, request: ControlRequest | Error): Promise<void> {
    const { disk, serve } = this.#options
    let answer: ControlAnswer
    try {
      if (request instanceof Error) throw request
      answer = { result: await serve(request), error: null }
    } catch (error) {
      answer = { result: null, error: toWireError(error) }
    }
    writeFramed(disk, ANSWER_KIND, this.#directory, answerName(id), answer)
  }
}
