import { parseTaskProducer } from '../checkpoint/lineage.ts'
import type { Engine } from '../engines/registry.ts'
import { TidemarkError } from '../errors/error.ts'
import type { ProducerState } from '../log/types.ts'
import type { StoreDescriptor } from '../store/types.ts'

/** What a task's claim says of itself, in its producer's meta. */
export interface TaskMeta {
  readonly job: string
  /** The number of the lineage that it belongs to. */
  readonly lineage: number
  readonly task: number
  readonly tasks: number
  readonly stores: readonly StoreDescriptor[]
  readonly planHash: string
  readonly engine: Engine
}

/** The meta of a producer that is a task; null for a producer that is not one (a source, the CLI). */
export function taskMeta(producer: ProducerState): TaskMeta | null {
  const name = parseTaskProducer(producer.producer)
  if (name === null) return null
  const meta = parse(producer)
  return {
    ...name,
    tasks: typeof meta['tasks'] === 'number' ? meta['tasks'] : 1,
    stores: Array.isArray(meta['stores']) ? (meta['stores'] as StoreDescriptor[]) : [],
    planHash: typeof meta['planHash'] === 'string' ? meta['planHash'] : '',
    engine: typeof meta['engine'] === 'string' ? meta['engine'] : 'lsm',
  }
}

function parse(producer: ProducerState): Readonly<Record<string, unknown>> {
  try {
    const meta: unknown = JSON.parse(producer.meta)
    if (typeof meta === 'object' && meta !== null) return meta as Readonly<Record<string, unknown>>
  } catch (cause) {
    throw damaged(producer, cause)
  }
  throw damaged(producer, undefined)
}

function damaged(producer: ProducerState, cause: unknown): TidemarkError {
  return new TidemarkError(
    'ERR_LOG_CORRUPT',
    `the claim of ${producer.producer} does not say what the task is: its meta is not a JSON object`,
    { cause, details: { producer: producer.producer } },
  )
}
