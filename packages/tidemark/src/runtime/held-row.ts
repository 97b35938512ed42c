import type { MessageView, Origin, RowMessage } from './message.ts'
import { type Row, RowSave } from './row.ts'

/** The record that a row was made of, as bytes that stay as they are. */
export interface RecordBytes {
  readonly bytes: Uint8Array
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueStart: number
  readonly valueEnd: number
}

/** A row that waits while its task's row object goes on to others. */
export class HeldRow {
  readonly origin: Origin
  readonly offset: number
  readonly watermarkMs: number
  readonly value: unknown
  readonly message: MessageView | RowMessage
  readonly record: RecordBytes
  readonly save: RowSave = new RowSave()

  constructor(row: Row) {
    this.origin = row.from
    this.offset = row.at.offset
    this.watermarkMs = row.watermarkMs
    this.value = row.value
    this.message = row.message
    // Its message has said that the record's bytes are referred to.
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = row.record
    this.record = { bytes, keyStart, keyEnd, valueStart, valueEnd }
    row.save(this.save)
  }

  /** Makes the row what it was; its value counts as changed. */
  putBack(row: Row): void {
    row.resume(this)
    row.restore(this.save)
    row.setValue(this.value)
  }
}
