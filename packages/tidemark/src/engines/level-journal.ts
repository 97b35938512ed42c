import { crc32c } from '../log/crc/crc32c.ts'
import { maskedCrc } from './masked-crc.ts'

const BLOCK_BYTES = 32 * 1024
/** Checksum, length and kind of a record; a block's last bytes, too few for one, are zeros. */
const HEAD_BYTES = 7
const MOST_KIND = 4

/** The first record of a journal or a manifest that is not as it was written. */
export interface JournalDamage {
  readonly position: number
  /**
   * Nothing whole follows. That is what a loss of power leaves of a write that was not synced; the database is then at the
   * write before, and what is missing is seen by the checkpoint id.
   */
  readonly atEnd: boolean
}

/**
 * Looks for damage in a journal or manifest of LevelDB or RocksDB, by LevelDB's documented log format (doc/log_format.md),
 * which both use. When LevelDB opens a database, it leaves damaged writes of its journal out, goes on with those behind
 * them, and says nothing; RocksDB ends with the write before and says nothing. A record that the end of the file cuts off is
 * no damage, unless whole ones stand behind its beginning.
 */
export function journalDamage(bytes: Uint8Array): JournalDamage | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  while (at + HEAD_BYTES <= bytes.length) {
    const blockEnd = blockEndOf(at)
    if (at + HEAD_BYTES > blockEnd) {
      at = blockEnd
      continue
    }
    const end = soundEnd(bytes, view, at)
    if (end === 0) {
      if (isSoundBehind(bytes, view, at + 1)) return { position: at, atEnd: false }
      const claimed = at + HEAD_BYTES + view.getUint16(at + 4, true)
      const isCut = claimed > bytes.length && claimed <= blockEnd
      return isCut ? null : { position: at, atEnd: true }
    }
    at = end
  }
  return null
}

function blockEndOf(at: number): number {
  return at - (at % BLOCK_BYTES) + BLOCK_BYTES
}

/** The end of the record that begins here, if it is as it was written; else 0. */
function soundEnd(bytes: Uint8Array, view: DataView, at: number): number {
  const end = at + HEAD_BYTES + view.getUint16(at + 4, true)
  const kind = bytes[at + 6] as number
  if (kind < 1 || kind > MOST_KIND || end > bytes.length || end > blockEndOf(at)) return 0
  // The checksum is of the kind and what follows.
  return view.getUint32(at, true) === maskedCrc(crc32c(bytes, at + 6, end)) ? end : 0
}

/** Whether any whole record begins here or later: a length that is wrong says nothing of where the next one is. */
function isSoundBehind(bytes: Uint8Array, view: DataView, from: number): boolean {
  // A block begins with a record for sure.
  for (let at = blockEndOf(from); at + HEAD_BYTES <= bytes.length; at += BLOCK_BYTES) {
    if (soundEnd(bytes, view, at) > 0) return true
  }
  for (let at = from; at + HEAD_BYTES <= bytes.length; at++) if (soundEnd(bytes, view, at) > 0) return true
  return false
}
