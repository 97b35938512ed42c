/** A stamped batch on its way, and whom to tell. */
export interface Sending {
  readonly batch: Uint8Array
  readonly resolve: (baseOffset: number) => void
  readonly reject: (error: Error) => void
}

/**
 * A broker remembers the last five batches of a producer and partition: what is sent twice is found among these only. So
 * nothing is sent that is five or more batches behind the first that is not acknowledged, whatever came through since.
 */
const WINDOW = 5

/**
 * The batches of one partition in the order of their sequences: which may be sent now, and which have to be sent again.
 * After a failure nothing more leaves until every answer is there; then all that is not acknowledged goes out again, in
 * order. So a batch never overtakes the one before it. Pure: it neither sends nor waits.
 */
export class PartitionLine {
  readonly topic: string
  readonly partition: number
  /** The leader's node; null while it is not known. */
  leader: number | null = null
  /** Failures since the last acknowledgement. */
  failures = 0
  /** Not acknowledged, in order. */
  private readonly waiting: {
    readonly sending: Sending
    readonly place: number
    state: 'ready' | 'flying' | 'failed'
  }[] = []
  private added = 0
  private recovering = false

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0
  }

  /** True between a failure and `recover`. */
  get isRecovering(): boolean {
    return this.recovering
  }

  get inFlight(): number {
    let count = 0
    for (const each of this.waiting) if (each.state === 'flying') count++
    return count
  }

  add(sending: Sending): void {
    this.waiting.push({ sending, place: this.added++, state: 'ready' })
  }

  /** The batch to send next, which counts as in flight from now on; null if none may be sent. */
  take(): Sending | null {
    const [first] = this.waiting
    if (this.recovering || first === undefined) return null
    const next = this.waiting.find((each) => each.state === 'ready')
    if (next === undefined || next.place >= first.place + WINDOW) return null
    next.state = 'flying'
    return next.sending
  }

  acknowledge(sending: Sending): void {
    const at = this.waiting.findIndex((each) => each.sending === sending)
    if (at >= 0) this.waiting.splice(at, 1)
    this.failures = 0
  }

  /**
   * `first`: nothing before the batch is unacknowledged, so its failure is no consequence of another one's; else `later`.
   * `dropped`: it was given up before.
   */
  fail(sending: Sending): 'first' | 'later' | 'dropped' {
    const at = this.waiting.findIndex((each) => each.sending === sending)
    const entry = this.waiting[at]
    if (entry === undefined) return 'dropped'
    entry.state = 'failed'
    this.recovering = true
    this.failures++
    return at === 0 ? 'first' : 'later'
  }

  /** Everything not acknowledged may be sent again. Only when nothing is in flight. */
  recover(): void {
    for (const each of this.waiting) each.state = 'ready'
    this.recovering = false
  }

  /** Gives up: all that is not acknowledged, in order. What is in flight may still be appended. */
  drop(): Sending[] {
    this.recovering = false
    return this.waiting.splice(0).map(({ sending }) => sending)
  }
}
