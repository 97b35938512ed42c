import type { Plan } from '../dsl/plan.ts'
import type { StreamInfo, StreamSpec, SystemHost } from '../log/types.ts'
import { streamSpec } from './job-plan.ts'

/** The specs of all streams that a plan needs: inputs, intermediate streams, outputs, dead letters. */
export function plannedStreams(planned: Plan, defaultPartitions: number, deadLetters: readonly string[]): StreamSpec[] {
  const specs = new Map<string, StreamSpec>()
  const add = (spec: StreamSpec): void => {
    if (!specs.has(spec.name)) specs.set(spec.name, spec)
  }
  for (const { stream, partitions } of planned.inputs) add(streamSpec(stream, partitions, 'user'))
  for (const { stream, partitions } of planned.intermediates) add(streamSpec(stream, partitions, 'intermediate'))
  for (const { stream, partitions } of planned.outputs) {
    if (stream !== null) add(streamSpec(stream, partitions ?? defaultPartitions, 'user'))
  }
  for (const name of deadLetters) {
    const meta = JSON.stringify({ key: 'bytes', keyVersion: 1, value: 'bytes', valueVersion: 1 })
    add({ name, partitions: defaultPartitions, kind: 'user', retentionMs: null, retentionBytes: null, meta })
  }
  return [...specs.values()]
}

/** Makes the streams that are missing; those that exist are checked (ERR_STREAM_MISMATCH). */
export async function createStreams(
  host: SystemHost,
  planned: Plan,
  settings: { readonly partitions: number },
  deadLetters: readonly string[],
): Promise<ReadonlyMap<string, StreamInfo>> {
  const existing = new Map((await host.streams()).map((s) => [s.name, s]))
  const streams = new Map<string, StreamInfo>(existing)
  for (const spec of plannedStreams(planned, settings.partitions, deadLetters)) {
    const there = existing.get(spec.name)
    const partitions = there?.partitions ?? spec.partitions
    streams.set(spec.name, await host.createStream({ ...spec, partitions }))
  }
  return streams
}
