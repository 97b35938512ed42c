import { TidemarkError } from '../errors/error.ts'

const TASK = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/
const SLOT = /^c-(\d{12})$/
const FILE = /^(?:tmp-)?(\d+)-(\d+)-([0-9a-z]+)-([0-9a-z]+)$/
const SLOT_DIGITS = 12

/** What the name of a file says of it. */
export interface FileName {
  readonly epoch: number
  /** Ms since 1970, by the writer's clock: the disk port tells no times. */
  readonly writtenMs: number
}

/**
 * The folder of a task, with a slash at its end. Throws ERR_CHECKPOINT_TASK for a name that could leave the manager's place or that some file system would not take.
 */
export function taskFolder(task: string): string {
  if (!TASK.test(task)) {
    throw new TidemarkError(
      'ERR_CHECKPOINT_TASK',
      `task "${task}" cannot have a folder of its own: use letters, digits, dots, dashes and underscores`,
      { details: { task } },
    )
  }
  return `${task}/`
}

/** What the names of slots start with. */
export const SLOT_PREFIX = 'c-'

/** Slots are taken in order, by whoever comes first: the name depends on nothing but the number. */
export function slotName(slot: number): string {
  return `${SLOT_PREFIX}${String(slot).padStart(SLOT_DIGITS, '0')}`
}

/** The number of a slot, or null for another file. */
export function parseSlot(name: string): number | null {
  const digits = SLOT.exec(name)?.[1]
  return digits === undefined ? null : Number(digits)
}

/** `<ownerEpoch>-<seq>-<time>-<random>`: no two writers ever make the same one. */
export function fileName(epoch: number, seq: number, writtenMs: number, random: string): string {
  return `${epoch}-${seq}-${Math.max(0, Math.floor(writtenMs)).toString(36)}-${random}`
}

/** Epoch and time of a data file or temporary file, or null for another file. */
export function parseFile(name: string): FileName | null {
  const match = FILE.exec(name)
  if (match === null) return null
  return { epoch: Number(match[1]), writtenMs: Number.parseInt(match[3] ?? '', 36) }
}
