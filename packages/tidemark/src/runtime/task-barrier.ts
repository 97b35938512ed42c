import type { RetainRequest } from '../checkpoint/retainer.ts'
import { invariant, TidemarkError } from '../errors/error.ts'
import type { TopologyNode } from '../dsl/topology.ts'
import type { Input } from './input.ts'
import type { RepartitionOperator } from './operators/outputs.ts'
import type { TaskCheckpoint } from './thread-messages.ts'

export interface TaskBarrierOptions {
  readonly task: number
  readonly inputs: readonly Input[]
  readonly repartitions: readonly RepartitionOperator[]
  /** By intermediate stream: the input stream that what flows into it comes from. */
  readonly feeds: ReadonlyMap<string, string>
  readonly requestCommit: () => void
  readonly retain: (request: RetainRequest) => void
}

interface Savepoint {
  readonly name: string
  readonly done: PromiseWithResolvers<TaskCheckpoint>
  readonly reached: Set<Input>
  asked: boolean
}

/**
 * A task's part in a savepoint (design/02): each source input stops at the cut, each intermediate one at the barriers of
 * all its producers; the repartitions that it feeds pass the barrier on with the next commit. When the last input has
 * stopped, everything is committed and kept, and the task stands still until it is told to go on.
 *
 * Behind its barrier a producer sends nothing more before that, so nothing needs to be sorted into before and after.
 */
export class TaskBarrier {
  readonly #options: TaskBarrierOptions
  #savepoint: Savepoint | null = null

  constructor(options: TaskBarrierOptions) {
    this.#options = options
  }

  get active(): boolean {
    return this.#savepoint !== null
  }

  /** Everything has come to the cut: no record, no timer may be processed. */
  get holds(): boolean {
    return this.#savepoint?.asked === true
  }

  /** The input has come to the cut. */
  holdsInput(input: Input): boolean {
    return this.#savepoint?.reached.has(input) === true
  }

  /** By source stream: the cut's offset in each partition. Settles when the checkpoint at the cut is kept. */
  begin(name: string, cuts: Readonly<Record<string, readonly number[]>>): Promise<TaskCheckpoint> {
    invariant(this.#savepoint === null, 'a task has one savepoint at a time')
    const { inputs, task } = this.#options
    for (const input of inputs) {
      const cut = cuts[input.origin.stream]?.[task]
      if (input.kind === 'source') input.setCut(cut ?? input.position)
    }
    const done = Promise.withResolvers<TaskCheckpoint>()
    this.#savepoint = { name, done, reached: new Set(), asked: false }
    return done.promise
  }

  /** Between two messages: looks which inputs have come to the cut since. */
  advance(): void {
    const savepoint = this.#savepoint
    if (savepoint === null || savepoint.asked) return
    const { inputs, repartitions, feeds, requestCommit } = this.#options
    for (const input of inputs) {
      if (savepoint.reached.has(input) || !input.atBarrier(savepoint.name)) continue
      savepoint.reached.add(input)
      const fed = repartitions.filter(({ stream }) => feeds.get(stream) === input.origin.stream)
      for (const repartition of fed) repartition.barrier(savepoint.name)
      if (fed.length > 0) requestCommit()
    }
    if (savepoint.reached.size < inputs.length) return
    savepoint.asked = true
    this.#retain(savepoint)
  }

  #retain({ name, done }: Savepoint): void {
    const { task, retain } = this.#options
    retain({
      checkpoint: name,
      kind: 'savepoint',
      done: ({ id, atMs, record }) => done.resolve({ task, id, atMs, record }),
    })
  }

  /** Goes on, if this is the savepoint that it stands still for. */
  end(name: string): void {
    const savepoint = this.#savepoint
    if (savepoint === null || savepoint.name !== name) return
    for (const input of this.#options.inputs) if (input.kind === 'source') input.setCut(Number.POSITIVE_INFINITY)
    this.#savepoint = null
    savepoint.done.reject(new TidemarkError('ERR_SAVEPOINT_TIMEOUT', `savepoint ${name} was given up`))
    savepoint.done.promise.catch(() => {})
  }
}

/** By intermediate stream: the stream that what flows into it comes from. */
export function feedsOf(nodes: readonly TopologyNode[]): Map<string, string> {
  const feeds = new Map<string, string>()
  for (const repartition of nodes) {
    if (repartition.op !== 'repartition') continue
    let node: TopologyNode | undefined = nodes[repartition.input]
    while (node !== undefined && node.op !== 'source' && node.op !== 'repartition') {
      node = 'input' in node ? nodes[node.input] : undefined
    }
    if (node !== undefined) feeds.set(repartition.stream.name, node.stream.name)
  }
  return feeds
}
