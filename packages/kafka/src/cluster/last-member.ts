import { type Disk, isTidemarkError, readFile, replaceFile } from 'tidemark/system'

/** Who the process before was in the group, as its data directory tells. */
export interface LastMember {
  readonly group: string
  readonly member: string
  /** Of where it ran: elsewhere nobody can tell whether it still does. */
  readonly machine: string
}

const NAME = 'member.json'
const utf8 = new TextEncoder()

/**
 * Whoever has the lock of the data directory knows that the process before is gone, if it ran on this machine. Then it
 * leaves the group in its stead, and need not wait until that one's session ends. Null: there was none, or it ran elsewhere.
 */
export function readLastMember(disk: Disk, directory: string, group: string, machine: string): string | null {
  let found: LastMember
  try {
    found = JSON.parse(new TextDecoder().decode(readFile(disk, `${directory}/${NAME}`))) as LastMember
  } catch (error) {
    if (error instanceof SyntaxError || isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
    throw error
  }
  return found.group === group && found.machine === machine && typeof found.member === 'string' ? found.member : null
}

export function writeLastMember(disk: Disk, directory: string, last: LastMember): void {
  replaceFile(disk, directory, NAME, utf8.encode(JSON.stringify(last)))
}

/** It has left. */
export function forgetLastMember(disk: Disk, directory: string): void {
  const path = `${directory}/${NAME}`
  if (disk.exists(path)) disk.remove(path)
}
