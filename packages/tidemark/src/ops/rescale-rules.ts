import { cannotMove, type MessageKeyOf, opaque, plainRule, type StoreRule } from '../checkpoint/rescale-owner.ts'
import type { Plan } from '../dsl/plan.ts'
import type { TaskNode, TopologyNode } from '../dsl/topology.ts'
import { keySerdeOf } from '../dsl/topology-builder.ts'
import { streamInto } from '../runtime/event-time.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { showValue } from '../serde/hex.ts'
import type { Serde } from '../serde/serde.ts'
import { storeOf } from '../store/generations.ts'
import type { StoreDescriptor, StoreSpec } from '../store/types.ts'

/**
 * A store's keys say which task they belong to only if they are keys of messages. From one task nothing can be seen, since
 * every key is at home there: but keys of another serde are none. ERR_STORE_RESCALE.
 */
export function assertKeysTell(store: StoreDescriptor, messageKeys: readonly string[]): void {
  const name = storeOf(store)
  if (name.startsWith('$') || messageKeys.includes(serdeName(store.key, store.keyVersion))) return
  throw cannotMove(
    name,
    `its keys are of serde ${store.key}, and those of messages of ${[...new Set(messageKeys)].join(', ')}`,
    'Say by partitionBy which message key each of its keys belongs to, and name the job: --job visits.job.ts',
  )
}

function serdeName(name: string, version: number): string {
  return `${name} v${version}`
}

/** Where the keys of a job's stores belong, by its code. The rule throws ERR_STORE_RESCALE. */
export function jobRules(
  before: Plan,
  after: Plan,
  tasksBefore: number,
  tasksAfter: number,
): (store: StoreDescriptor) => StoreRule {
  const owners = ownersIn(before)
  const later = ownersIn(after)
  return (descriptor) => {
    const name = storeOf(descriptor)
    const owner = owners.get(name)
    const then = later.get(name)?.streams[0]
    if (owner === undefined || then === undefined) return ruleOfRemoved(descriptor, before, tasksBefore, tasksAfter)
    if (owner.partitionBy === 'opaque') throw opaque(name)
    const was = new Set(owner.streams.map((stream) => partitionsOf(before, stream)))
    const [width] = was
    if (was.size !== 1 || width === undefined) {
      throw cannotMove(name, 'the inputs of its task have different numbers of partitions', 'Give them the same number')
    }
    if (tasksBefore === 1 && owner.messageKey === null) assertKeysTell(descriptor, owner.keySerdes)
    return { before: width, after: partitionsOf(after, then), messageKey: owner.messageKey }
  }
}

function ownersIn(plan: Plan): Map<string, Owner> {
  const owners = new Map<string, Owner>()
  for (const node of plan.topology.nodes) for (const owner of ownersOf(plan, node)) add(owners, owner)
  return owners
}

/** The step that a store is of. */
interface Owner {
  readonly store: string
  readonly renamedFrom: string | undefined
  /** Whose records the step takes. */
  readonly streams: readonly string[]
  /** Of the messages' keys. */
  readonly keySerdes: readonly string[]
  readonly partitionBy: StoreSpec['partitionBy']
  readonly messageKey: MessageKeyOf | null
}

function add(owners: Map<string, Owner>, owner: Owner): void {
  owners.set(owner.store, owner)
  if (owner.renamedFrom !== undefined) owners.set(owner.renamedFrom, owner)
}

function ownersOf({ topology }: Plan, node: TopologyNode): Owner[] {
  if (node.op === 'task') return ownersOfTask(node)
  if (node.op !== 'aggregate' && node.op !== 'table') return []
  const { store } = node
  // What flows into the step has been sent by this key.
  const flow = keySerdeOf(topology.nodes, node.input)
  const owner: Owner = {
    store: store.name,
    renamedFrom: store.renamedFrom,
    streams: [streamInto(topology.nodes, node.input)],
    keySerdes: [serdeName(flow.name, flow.version)],
    partitionBy: store.partitionBy === 'opaque' ? 'opaque' : 'identity',
    messageKey: sameSerde(store.key, flow) ? null : translated(store.name, store.key, flow, (key) => key),
  }
  const renamedFrom = store.renamedFrom === undefined ? undefined : `$pending.${store.renamedFrom}`
  return [owner, { ...owner, store: `$pending.${store.name}`, renamedFrom }]
}

function ownersOfTask({ name, task }: TaskNode): Owner[] {
  const inputs = Object.values(task.inputs)
  const streams = inputs.map((stream) => stream.name)
  const keySerdes = inputs.map(({ key }) => serdeName(key.name, key.version))
  const messageKey = inputs[0]?.key as Serde<unknown>
  const stores = Object.values(task.stores).map((store): Owner => {
    const { partitionBy } = store
    const byFunction =
      typeof partitionBy === 'function' ? translated(store.name, store.key, messageKey, partitionBy) : null
    return {
      store: store.name,
      renamedFrom: store.renamedFrom,
      streams,
      keySerdes,
      partitionBy,
      messageKey: byFunction,
    }
  })
  const timers = new Map(
    Object.entries(task.timers).map(([timer, { key }]) => [
      timer,
      sameSerde(key, messageKey) ? null : translated(`$timers.${name}`, key, messageKey, (each) => each),
    ]),
  )
  const ofTimers: MessageKeyOf = (key, timer) => {
    const translate = timers.get(timer ?? '')
    if (translate === undefined) throw noTimer(name, timer)
    return translate === null ? key : translate(key, timer)
  }
  const own = { streams, keySerdes, partitionBy: 'identity' as const, messageKey: ofTimers }
  return [...stores, { ...own, store: `$timers.${name}`, renamedFrom: undefined }]
}

function noTimer(node: string, timer: string | null): Error {
  return cannotMove(
    `$timers.${node}`,
    `it holds timers ${timer ?? ''}, which the job does not declare any more`,
    'Declare them until they have fired, and take another savepoint',
  )
}

function sameSerde(a: Serde<unknown>, b: Serde<unknown>): boolean {
  return a.name === b.name && a.version === b.version
}

/** The message key's bytes of a store key's: decoded, turned into the message's key, encoded. */
function translated(
  store: string,
  from: Serde<unknown>,
  to: Serde<unknown>,
  keyOf: (key: unknown) => unknown,
): MessageKeyOf {
  const writer = new ByteWriter(64)
  return (bytes) => {
    const key = from.read(bytes, 0, bytes.length)
    writer.reset()
    try {
      to.write(keyOf(key), writer)
    } catch (cause) {
      const why = `no message key of serde ${to.name} can be made of its key ${showValue(key)}: ${String(cause)}`
      throw cannotMove(store, why, 'Mend its partitionBy')
    }
    return writer.copy()
  }
}

function partitionsOf({ inputs, intermediates }: Plan, stream: string): number {
  return [...inputs, ...intermediates].find(({ name }) => name === stream)?.partitions ?? 0
}

/** Of a store that the job does not declare any more, and that was not dropped. */
function ruleOfRemoved(store: StoreDescriptor, plan: Plan, before: number, after: number): StoreRule {
  const name = storeOf(store)
  const uneven = [...plan.inputs, ...plan.intermediates].some(({ partitions }) => partitions !== before)
  if (name.startsWith('$timers.') || uneven || before === 1) {
    throw cannotMove(
      name,
      'the job does not declare it any more, so that nothing says where its keys belong',
      'Declare it again, or drop it (tidemark state drop) and take another savepoint',
    )
  }
  return plainRule(store, before, after)
}
