import type { StreamDef } from '../api/stream.ts'
import type { CheckpointRecord } from '../checkpoint/record.ts'
import type { StreamInfo } from '../log/types.ts'
import type { Compiled } from './compile.ts'
import { connectEventTimes } from './event-time.ts'
import { Input } from './input.ts'
import { KeyCheck } from './key-check.ts'
import type { Origin } from './message.ts'
import type { TaskOptions } from './task.ts'

/** One input stream of the job, as the plan and the log have it. */
export interface InputSpecOfTask {
  readonly stream: StreamDef<unknown, unknown>
  readonly info: StreamInfo
  readonly kind: 'source' | 'intermediate'
  /** Tasks that write it, if it is intermediate. */
  readonly producers: number
  /** State by its keys is in the task that reads it: its records must be where its partitioner puts them. */
  readonly placed: boolean
}

/**
 * The inputs of a task, one for each stream that has its partition, later stages first: what is in flight is finished
 * before more is taken in. `wait`: no messages until it settles.
 */
export function makeInputs(
  options: TaskOptions,
  compiled: Compiled,
  record: CheckpointRecord | null,
  wait: (promise: Promise<void>) => void,
): Input[] {
  const inputs: Input[] = []
  for (const { stream, info, kind, producers, placed } of options.inputs) {
    const root = compiled.roots.get(stream.name)
    if (root === undefined || options.index >= info.partitions) continue
    const origin: Origin = {
      stream: stream.name,
      partition: options.index,
      key: stream.key,
      value: stream.value,
      onKey: compiled.onKey(stream.name),
    }
    inputs.push(
      new Input({
        origin,
        kind,
        time: kind === 'source' ? stream.time : null,
        outOfOrderMs: stream.outOfOrderMs,
        reader: options.port.reader(info, options.index),
        offsets: options.port.offsets,
        slot: info.slot + options.index,
        streamId: info.id,
        pulse: options.pulse,
        root,
        producers,
        restored: record?.inputs[stream.name] ?? null,
        keyCheck: placed && info.partitions > 1 ? new KeyCheck(stream, options.index, info.partitions) : null,
        wait,
      }),
    )
  }
  connectEventTimes(options.nodes, inputs, options.state.clock)
  return inputs.reverse()
}
