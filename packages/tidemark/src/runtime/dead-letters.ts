import type { ErrorPolicy } from '../api/app.ts'
import { TidemarkError } from '../errors/error.ts'
import type { StreamInfo } from '../log/types.ts'
import type { OutputBuffer, OutputStream } from './output-buffer.ts'
import type { Row } from './row.ts'

const encoder = new TextEncoder()

/** Puts records whose handling failed into a stream, as they came, with the cause in headers. */
export class DeadLetters {
  readonly #output: OutputStream

  private constructor(output: OutputStream) {
    this.#output = output
  }

  static of(policy: ErrorPolicy, streams: ReadonlyMap<string, StreamInfo>, outputs: OutputBuffer): DeadLetters | null {
    if (typeof policy === 'string') return null
    const info = streams.get(policy.deadLetter)
    if (info === undefined) {
      throw new TidemarkError('ERR_UNKNOWN_STREAM', `the dead-letter stream ${policy.deadLetter} does not exist`)
    }
    return new DeadLetters(outputs.stream(info))
  }

  /** ERR_MESSAGE_TOO_LARGE: the stream does not take it, with the cause beside it. A timestamp that it does not take is that of now. */
  add(row: Row, error: unknown): void {
    const { stream, partition, offset } = row.at
    const record = row.record
    const cause = error instanceof Error ? error.message : String(error)
    this.#output.append(
      partition % this.#output.info.partitions,
      this.#output.limits.taken(row.timestamp),
      record.bytes,
      record.keyStart,
      record.keyEnd,
      record.bytes,
      record.valueStart,
      record.valueEnd,
      [
        ['tm-error', encoder.encode(cause)],
        ['tm-stream', encoder.encode(stream)],
        ['tm-partition', encoder.encode(String(partition))],
        ['tm-offset', encoder.encode(String(offset))],
      ],
    )
  }
}
