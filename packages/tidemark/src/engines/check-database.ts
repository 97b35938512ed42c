import { type Disk, readFile } from '../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { journalDamage } from './level-journal.ts'

/**
 * Looks at what a database of LevelDB or RocksDB is opened by: CURRENT, the manifest that it names, and the journals.
 * Damage in a journal they pass over without a word; what they say of the others often names no file, and one wrong bit in
 * the last record of a manifest lets RocksDB try for ever. ERR_STATE_CORRUPT names file and position. Damage behind the
 * last whole write of a journal is left to them: a loss of power leaves that. Beside a running owner too.
 */
export function checkDatabase(disk: Disk, directory: string, isJournal: (name: string) => boolean): void {
  if (!disk.exists(directory)) return
  checkManifest(disk, directory)
  for (const name of disk.list(directory)) {
    if (!isJournal(name)) continue
    const path = `${directory}/${name}`
    const bytes = contentOf(disk, path)
    const damage = bytes === null ? null : journalDamage(bytes)
    if (damage === null || damage.atEnd) continue
    const what = `has a record that fails its checksum, at byte ${damage.position}, and sound ones behind it, which would be lost or applied without it`
    throw damaged(path, damage.position, what)
  }
}

function checkManifest(disk: Disk, directory: string): void {
  const current = `${directory}/CURRENT`
  if (!disk.exists(current)) return
  const read = (): string => Buffer.from(readFile(disk, current)).toString('latin1')
  const text = read()
  if (!/^MANIFEST-\d{6,}\n$/.test(text)) throw damaged(current, 0, 'does not name a manifest')
  const path = `${directory}/${text.trim()}`
  const bytes = contentOf(disk, path)
  if (bytes === null) {
    // Its owner may have begun a new one meanwhile.
    if (read() === text) throw damaged(current, 0, `names ${path}, which is not there`)
    return
  }
  const damage = journalDamage(bytes)
  // Zeros at the end are room that was made in advance.
  if (damage !== null && bytes.subarray(damage.position).some((byte) => byte !== 0)) {
    throw damaged(path, damage.position, `has a record that fails its checksum, at byte ${damage.position}`)
  }
}

/** Null when the owner has removed it meanwhile. */
function contentOf(disk: Disk, path: string): Uint8Array | null {
  try {
    return readFile(disk, path)
  } catch (error) {
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
    throw error
  }
}

function damaged(path: string, position: number, what: string): TidemarkError {
  return new TidemarkError(
    'ERR_STATE_CORRUPT',
    `state file ${path} ${what}. Nothing of it is served: restore the task's state from a savepoint or a copy of the data ` +
      'directory',
    { details: { path, file: path, position } },
  )
}
