import type { ProducerMark } from '../checkpoint/marks.ts'
import { encodeCheckpoint, type InputPosition } from '../checkpoint/record.ts'
import type { Clock } from '../clock/clock.ts'
import type { Append } from '../log/types.ts'
import type { TaskState } from '../store/types.ts'
import type { Sealed } from './committer.ts'
import type { Input } from './input.ts'
import type { RepartitionOperator } from './operators/outputs.ts'
import type { OutputBuffer } from './output-buffer.ts'

export interface TaskCutOptions {
  readonly inputs: readonly Input[]
  readonly repartitions: readonly RepartitionOperator[]
  readonly outputs: OutputBuffer
  readonly state: TaskState
  readonly clock: Clock
  /** Of the checkpoint that the task starts from. */
  readonly changedBytes: number
}

/** What a checkpoint of a task holds beside its state: where its inputs stand, and what it has sent. */
export class TaskCut {
  readonly #options: TaskCutOptions
  #lastCaptured: string
  #changedBytes: number
  #sealedPositions: Readonly<Record<string, number>> = {}
  #committedPositions: Readonly<Record<string, number>>

  constructor(options: TaskCutOptions) {
    this.#options = options
    this.#changedBytes = options.changedBytes
    this.#lastCaptured = JSON.stringify(this.#captureInputs())
    this.#committedPositions = this.#positions()
  }

  /** Fixes all that was done by now; null if that is nothing. */
  seal(): Sealed | null {
    const { clock, outputs, repartitions, state } = this.#options
    const inputs = this.#captureInputs()
    const captured = JSON.stringify(inputs)
    if (!this.#changed(captured)) return null
    this.#lastCaptured = captured
    this.#sealedPositions = this.#positions()
    const sent: Record<string, ProducerMark> = {}
    for (const repartition of repartitions) {
      const mark = repartition.appendMarks()
      if (mark !== null) sent[repartition.stream] = mark
    }
    const appends: readonly Append[] = outputs.seal()
    const atMs = clock.now()
    const record = { version: 1 as const, atMs, inputs, sent, clock: state.clock.read() }
    return {
      appends,
      checkpoint: (lastDeltaId, deltaBytes) => {
        this.#changedBytes += deltaBytes
        return encodeCheckpoint({ ...record, lastDeltaId, changedBytes: this.#changedBytes })
      },
    }
  }

  /** What was sealed last is durable. */
  committed(): void {
    this.#committedPositions = this.#sealedPositions
  }

  /** By input stream: the next offset of the committed checkpoint. */
  get committedPositions(): Readonly<Record<string, number>> {
    return this.#committedPositions
  }

  /** Something was done that was not sealed yet. */
  get uncommitted(): boolean {
    return this.#changed(JSON.stringify(this.#captureInputs()))
  }

  #changed(captured: string): boolean {
    const { outputs, repartitions, state } = this.#options
    return state.dirty || !outputs.empty || repartitions.some((r) => r.markDue) || captured !== this.#lastCaptured
  }

  #captureInputs(): Record<string, InputPosition> {
    const inputs: Record<string, InputPosition> = {}
    for (const input of this.#options.inputs) inputs[input.origin.stream] = input.capture()
    return inputs
  }

  #positions(): Record<string, number> {
    return Object.fromEntries(this.#options.inputs.map((i) => [i.origin.stream, i.position]))
  }
}
