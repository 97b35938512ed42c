import type { ProducerMark } from './marks.ts'
import type { CheckpointRecord, InputPosition } from './record.ts'
import type { RescaledFrom, SavepointTask } from './savepoint-format.ts'

/** A stream that the job's tasks read where it goes on, by the plan's name. */
export interface HomeStream {
  readonly name: string
  readonly partitions: number
  /** Of an intermediate stream: how many tasks write it. */
  readonly producers: number | null
  /** Of a repartition between a source stream and the state that goes by its keys: that stream. */
  readonly behind: string | null
}

/**
 * The first records of a rescaled savepoint's tasks where the job has run. There the source streams have the partitions
 * that they always had, and go on at the cut; what is between them and the state is new and empty. Some tasks have only
 * partitions of sources, or only state. As in a new data directory, time is the least that the old tasks knew (R3).
 */
export function homeRecords(
  tasks: readonly SavepointTask[],
  { cut }: RescaledFrom,
  streams: readonly HomeStream[],
): CheckpointRecord[] {
  const states = streams.map((stream) => ({ stream, ...stateOf(stream, tasks) }))
  const count = Math.max(
    tasks.length,
    ...streams.map(({ partitions, producers }) => Math.max(partitions, producers ?? 0)),
  )
  const first = (tasks[0] as SavepointTask).record
  return Array.from({ length: count }, (_, task) => {
    const inputs: Record<string, InputPosition> = {}
    const sent: Record<string, ProducerMark> = {}
    for (const { stream, input, mark } of states) {
      if (task < stream.partitions) inputs[stream.name] = { ...input, position: cut[stream.name]?.[task] ?? 0 }
      if (mark !== null && task < (stream.producers ?? 0)) sent[stream.name] = mark
    }
    return { ...first, inputs, sent }
  })
}

/** The same for each partition: the records of a rescaled savepoint are alike. */
function stateOf(
  { name, producers, behind }: HomeStream,
  tasks: readonly SavepointTask[],
): { readonly input: InputPosition; readonly mark: ProducerMark | null } {
  const own = tasks.map(({ record }) => record.inputs[behind ?? name]).find((input) => input !== undefined)
  const watermarkMs = own?.watermarkMs ?? null
  const input = { position: 0, watermarkMs, newestMs: own?.newestMs ?? null, endedAt: null, marks: {} }
  if (producers === null) return { input, mark: null }
  const known =
    behind === null ? (Object.values(own?.marks ?? {})[0] ?? null) : { kind: 'watermark' as const, watermarkMs }
  const mark = watermarkMs === null ? null : known
  const marks: Record<string, ProducerMark> = {}
  if (mark !== null) for (let task = 0; task < producers; task++) marks[task] = mark
  return { input: { ...input, marks }, mark }
}
