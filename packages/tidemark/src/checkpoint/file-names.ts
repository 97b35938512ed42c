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
 * The directory of a task. Throws ERR_CHECKPOINT_TASK for a name that could leave the manager's directory or that some
 * file system would not take.
 */
export function taskDirectory(root: string, task: string): string {
  if (!TASK.test(task)) {
    throw new TidemarkError(
      'ERR_CHECKPOINT_TASK',
      `task "${task}" cannot have a directory of its own: use letters, digits, dots, dashes and underscores`,
      { details: { task } },
    )
  }
  return `${root}/${task}`
}

/** Slots are taken in order, by whoever links first: the name depends on nothing but the number. */
export function slotName(slot: number): string {
  return `c-${String(slot).padStart(SLOT_DIGITS, '0')}`
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
