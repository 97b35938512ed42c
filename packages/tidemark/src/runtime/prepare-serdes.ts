import type { StreamDef } from '../api/stream.ts'
import type { Plan } from '../dsl/plan.ts'
import type { TopologyNode } from '../dsl/topology.ts'
import { RecordCursor } from '../log/record-cursor.ts'
import type { Serde, SerdePreparation } from '../serde/serde.ts'
import { storeSpecs } from './store-specs.ts'

type Serdes = Pick<StreamDef<unknown, unknown>, 'key' | 'value'>

/** What the serdes of a stream need before its records are decoded, found out a record batch ahead. */
export class SerdesAhead {
  readonly #key: SerdePreparation | undefined
  readonly #value: SerdePreparation | undefined
  readonly #cursor = new RecordCursor({ verify: false })

  private constructor({ key, value }: Serdes) {
    this.#key = key.prepare
    this.#value = value.prepare
  }

  /** Null: they need nothing. */
  static of(serdes: Serdes): SerdesAhead | null {
    return serdes.key.prepare === undefined && serdes.value.prepare === undefined ? null : new SerdesAhead(serdes)
  }

  /** Settles when all records of the batch that `at` is in can be decoded; null: now. */
  missing(at: RecordCursor): Promise<void> | null {
    const cursor = this.#cursor
    const waits = new Set<Promise<void>>()
    cursor.reset(at.source, at.batchStart, at.batchEnd)
    if (!cursor.nextBatch() || cursor.isControl) return null
    while (cursor.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor
      const key = keyEnd < 0 ? null : (this.#key?.read(bytes, keyStart, keyEnd) ?? null)
      const value = valueEnd < 0 ? null : (this.#value?.read(bytes, valueStart, valueEnd) ?? null)
      if (key !== null) waits.add(key)
      if (value !== null) waits.add(value)
    }
    return waits.size === 0 ? null : Promise.all(waits).then(() => undefined)
  }
}

/** Before tasks write by them: the serdes of what the steps of a job write, streams and stores. Null: they need nothing. */
export function prepareWriters(nodes: readonly TopologyNode[]): Promise<void> | null {
  return prepared(writersOf(nodes))
}

/** As prepareWriters, and for what is written to the job's inputs from outside. */
export function prepareAll({ topology, inputs }: Pick<Plan, 'topology' | 'inputs'>): Promise<void> | null {
  return prepared([...writersOf(topology.nodes), ...inputs.flatMap(({ stream }) => [stream.key, stream.value])])
}

function writersOf(nodes: readonly TopologyNode[]): Serde<unknown>[] {
  const serdes: Serde<unknown>[] = storeSpecs(nodes).flatMap(({ key, value }) => [key, value])
  for (const node of nodes) {
    if (node.op === 'sink' || node.op === 'repartition') serdes.push(node.stream.key, node.stream.value)
    if (node.op !== 'task') continue
    for (const stream of Object.values(node.task.outputs)) serdes.push(stream.key, stream.value)
  }
  return serdes
}

/** Before records of a stream are written from outside the tasks, or what they wrote is read. */
export function prepareStream({ key, value }: Serdes): Promise<void> | null {
  return prepared([key, value])
}

function prepared(serdes: readonly Serde<unknown>[]): Promise<void> | null {
  const needs = new Set(serdes.flatMap(({ prepare }) => prepare ?? []))
  return needs.size === 0 ? null : Promise.all([...needs].map((each) => each.write())).then(() => undefined)
}
