import { ByteReader, type RecordCursor, TidemarkError } from 'tidemark/system'
import { COMMIT_KEY } from './commit-record.ts'

/** An entry of a store, as a record of a state partition: its key is the store's number, then the entry's key. */
export interface StateRecord {
  readonly store: number
  readonly keyStart: number
}

/** What the record under a cursor is; null: a commit record. ERR_STATE_CORRUPT: neither. */
export function readStateRecord(cursor: RecordCursor, where: string): StateRecord | null {
  const { bytes, keyStart, keyEnd, valueEnd, offset } = cursor
  if (keyEnd < 0) throw foreign(where, offset)
  if (keyEnd - keyStart === 1 && bytes[keyStart] === COMMIT_KEY[0]) {
    if (valueEnd < 0) throw foreign(where, offset)
    return null
  }
  const first = bytes[keyStart] as number
  if (keyEnd > keyStart && first !== 0 && first < 0x80) return { store: first, keyStart: keyStart + 1 }
  const from = new ByteReader(bytes, keyStart, keyEnd)
  const store = from.varuint()
  if (store === 0) throw foreign(where, offset)
  return { store, keyStart: from.position }
}

function foreign(where: string, offset: number): TidemarkError {
  return new TidemarkError(
    'ERR_STATE_CORRUPT',
    `the record at ${where}, offset ${offset}, is not one of Tidemark's. Was something else written to the state topic?`,
  )
}
