/** What a container was doing when it was last heard of. */
export type Stage = 'start' | 'commit' | 'message' | 'init' | 'timer' | 'close'

const STAGES: readonly Stage[] = ['start', 'commit', 'message', 'init', 'timer', 'close']

const BEATS = 0
const RESTING = 1
const STAGE = 2
const TASK = 3
const STREAM = 4
const OFFSET = 5
const COUNT = 6
const FIELDS = 7

/** Where a container is: `offset` to `offset + count - 1` are the records it may be at, by its last word. */
export interface PulsePlace {
  readonly stage: Stage
  readonly task: number
  /** Number of the stream, or -1 while no message was handled. */
  readonly stream: number
  readonly offset: number
  readonly count: number
}

/**
 * Shared memory by which a container tells that it goes on, and where it is: a loop that never returns cannot tell it by
 * message. Written per turn and per some records, never per record. Each field is one aligned word, written by the
 * container alone; a reader that sees a mix of two places only tells an error less exactly.
 */
export class Pulse {
  readonly shared: SharedArrayBuffer
  readonly #fields: Float64Array

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(FIELDS * Float64Array.BYTES_PER_ELEMENT)) {
    this.shared = shared
    this.#fields = new Float64Array(shared)
  }

  /** The container goes on. */
  beat(): void {
    this.#fields[BEATS] = (this.#fields[BEATS] as number) + 1
  }

  /** The container has done all that it was asked to: no more beats come. */
  rest(): void {
    this.#fields[RESTING] = 1
  }

  /** A task does something else now; counts as a beat. */
  enter(task: number, stage: Stage): void {
    const fields = this.#fields
    fields[STAGE] = STAGES.indexOf(stage)
    fields[TASK] = task
    fields[STREAM] = -1
    this.beat()
  }

  /** Of the stage `message`: the next `count` records of the task's partition begin at `offset`; counts as a beat. */
  records(stream: number, offset: number, count: number): void {
    const fields = this.#fields
    fields[STREAM] = stream
    fields[OFFSET] = offset
    fields[COUNT] = count
    this.beat()
  }

  /** Grows while the container goes on; 0 before it has begun. */
  get beats(): number {
    return this.#fields[BEATS] as number
  }

  get resting(): boolean {
    return this.#fields[RESTING] === 1
  }

  get place(): PulsePlace {
    const fields = this.#fields
    return {
      stage: STAGES[fields[STAGE] as number] ?? 'start',
      task: fields[TASK] as number,
      stream: fields[STREAM] as number,
      offset: fields[OFFSET] as number,
      count: fields[COUNT] as number,
    }
  }
}

/**
 * Watches one container's pulse by the supervisor's clock. A long time between two looks counts as `longestLookMs` only:
 * it was the whole process that stood still then.
 */
export class PulseWatch {
  readonly #pulse: Pulse
  readonly #longestLookMs: number
  #beats = 0
  #lookedAtMs = Number.POSITIVE_INFINITY
  /** For how long no beat has come. */
  silentMs = 0

  constructor(pulse: Pulse, longestLookMs: number) {
    this.#pulse = pulse
    this.#longestLookMs = longestLookMs
  }

  get place(): PulsePlace {
    return this.#pulse.place
  }

  /** Looks now; returns for how long no beat has come, 0 before the first and after the last. */
  look(nowMs: number): number {
    const { beats, resting } = this.#pulse
    const elapsedMs = Math.max(0, Math.min(nowMs - this.#lookedAtMs, this.#longestLookMs))
    this.#lookedAtMs = nowMs
    if (beats === this.#beats && beats > 0 && !resting) this.silentMs += elapsedMs
    else this.silentMs = 0
    this.#beats = beats
    return this.silentMs
  }
}
