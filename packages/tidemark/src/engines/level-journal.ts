import { type Disk, readFile } from '../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { maskedCrc } from './masked-crc.ts'

const BLOCK_BYTES = 32 * 1024
/** Checksum, length and kind of a record; a block's last bytes, too few for one, are zeros. */
const HEAD_BYTES = 7
const MOST_KIND = 4

/** The first record of a journal that is not as it was written. */
export interface JournalDamage {
  readonly position: number
  /**
   * Nothing whole follows. That is what a loss of power leaves of a write that was not synced; LevelDB is then at the
   * write before, and what is missing is seen by the checkpoint id.
   */
  readonly atEnd: boolean
}

/**
 * Looks for damage in a LevelDB journal, by LevelDB's documented log format (doc/log_format.md). When LevelDB opens a
 * database, it leaves damaged writes out, goes on with those behind them, and says nothing: entries would be older than
 * the checkpoint id tells. A record that the end of the file cuts off is no damage.
 */
export function journalDamage(bytes: Uint8Array): JournalDamage | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let bad = -1
  let at = 0
  while (at + HEAD_BYTES <= bytes.length) {
    const blockEnd = at - (at % BLOCK_BYTES) + BLOCK_BYTES
    if (at + HEAD_BYTES > blockEnd) {
      at = blockEnd
      continue
    }
    const length = view.getUint16(at + 4, true)
    const kind = bytes[at + 6] as number
    const end = at + HEAD_BYTES + length
    if (end > bytes.length && end <= blockEnd) break
    const fits = end <= blockEnd
    const sound = fits && kind >= 1 && kind <= MOST_KIND && isSound(bytes, view, at, end)
    if (sound && bad >= 0) return { position: bad, atEnd: false }
    if (!sound && bad < 0) bad = at
    // A length that is wrong leads anywhere: the next block begins with a record for sure.
    at = fits && (sound || length > 0) ? end : blockEnd
  }
  return bad < 0 ? null : { position: bad, atEnd: true }
}

/** The checksum is of the kind and what follows. */
function isSound(bytes: Uint8Array, view: DataView, at: number, end: number): boolean {
  return view.getUint32(at, true) === maskedCrc(crc32c(bytes, at + 6, end))
}

/** Throws ERR_STATE_CORRUPT, which names file and position, if a journal of LevelDB is damaged before its last write. */
export function checkJournals(disk: Disk, directory: string, isJournal: (name: string) => boolean): void {
  if (!disk.exists(directory)) return
  for (const name of disk.list(directory)) {
    if (!isJournal(name)) continue
    const path = `${directory}/${name}`
    const damage = damageOf(disk, path)
    if (damage !== null && !damage.atEnd) throw damaged(path, damage.position)
  }
}

function damageOf(disk: Disk, path: string): JournalDamage | null {
  try {
    return journalDamage(readFile(disk, path))
  } catch (error) {
    // Its owner has made a table of it meanwhile.
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
    throw error
  }
}

function damaged(path: string, position: number): TidemarkError {
  return new TidemarkError(
    'ERR_STATE_CORRUPT',
    `state file ${path} has a record that fails its checksum, at byte ${position}, and sound ones behind it. LevelDB would ` +
      "leave its writes out. Nothing of it is served: restore the task's state from a savepoint or a copy of the data directory",
    { details: { path, position } },
  )
}
