import type { ClockReading } from '../store/task-clock.ts'
import type { ProducerMark } from './marks.ts'
import { type CheckpointRecord, clockOf, type InputPosition } from './record.ts'

/** A count of tasks or partitions, and what it becomes. */
export interface Rescaled {
  readonly before: number
  readonly after: number
}

/** An input of the job's tasks, by the plan's name. */
export interface RescaledInput {
  readonly name: string
  readonly partitions: Rescaled
  /** Of an intermediate stream: the tasks that write it. */
  readonly producers: Rescaled | null
}

/**
 * What the records of N tasks at a cut are as those of M tasks. Nothing is in flight at a cut, so that positions are the
 * beginnings of streams to come. All that says how far time is becomes the least of what the old tasks knew, and unknown
 * where one of them did not know it: so nothing is late or has ended for a new task that was not for the old one. No input is
 * idle or has ended: each new task finds that out by itself, and until then the others wait for it.
 */
export function rescaledRecords(
  records: readonly CheckpointRecord[],
  inputs: readonly RescaledInput[],
  tasks: number,
): CheckpointRecord[] {
  const states = inputs.map((input) => ({ input, ...stateOf(input, records) }))
  const shared = {
    version: 1 as const,
    atMs: Math.max(0, ...records.map(({ atMs }) => atMs)),
    lastDeltaId: 0,
    clock: rescaledClock(records),
  }
  return Array.from({ length: tasks }, (_, task) => ({
    ...shared,
    inputs: Object.fromEntries(
      states.filter(({ input }) => task < input.partitions.after).map(({ input, position }) => [input.name, position]),
    ),
    sent: Object.fromEntries(
      states.flatMap(({ input, mark }) =>
        mark === null || task >= (input.producers as Rescaled).after ? [] : [[input.name, mark]],
      ),
    ),
  }))
}

interface InputState {
  /** The same for each new partition. */
  readonly position: InputPosition
  /** What each new producer has sent last, as if it had been there; null: nothing. */
  readonly mark: ProducerMark | null
}

function stateOf({ name, partitions, producers }: RescaledInput, records: readonly CheckpointRecord[]): InputState {
  const old = Array.from({ length: partitions.before }, (_, task) => records[task]?.inputs[name])
  const watermarkMs = leastOf(old.map((input) => input?.watermarkMs ?? null))
  const newestMs = leastOf(old.map((input) => input?.newestMs ?? null))
  const heard = producers !== null && old.some((input) => marksOf(input) >= producers.before)
  // Watermarks that were promised stay: those of the new producers begin there, be their own inputs behind.
  const mark = heard && watermarkMs !== null ? { kind: 'watermark' as const, watermarkMs } : null
  const marks: Record<string, ProducerMark> = {}
  if (mark !== null) for (let task = 0; task < (producers as Rescaled).after; task++) marks[task] = mark
  return { position: { position: 0, watermarkMs, newestMs, endedAt: null, marks }, mark }
}

function marksOf(input: InputPosition | undefined): number {
  return Object.keys(input?.marks ?? {}).length
}

/** Null if one is. */
function leastOf(times: readonly (number | null)[]): number | null {
  let least: number | null = null
  for (const time of times) {
    if (time === null) return null
    least = least === null ? time : Math.min(least, time)
  }
  return least
}

function rescaledClock(records: readonly CheckpointRecord[]): ClockReading {
  const clocks = records.map(clockOf)
  const events: Record<string, number> = {}
  for (const store of new Set(clocks.flatMap((clock) => Object.keys(clock.events ?? {})))) {
    const least = leastOf(clocks.map((clock) => clock.events?.[store] ?? null))
    if (least !== null) events[store] = least
  }
  return {
    processingMs: leastOf(clocks.map((clock) => clock.processingMs)),
    eventMs: leastOf(clocks.map((clock) => clock.eventMs)),
    events,
  }
}
