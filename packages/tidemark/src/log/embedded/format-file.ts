import { type Disk, readFile, replaceFile } from '../../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../../errors/error.ts'
import { crc32c } from '../crc/crc32c.ts'
import { FORMAT_FILE } from './layout.ts'

export const FORMAT_VERSION = 1

export interface Format {
  readonly format: number
  readonly job: string | null
}

/**
 * Reads format.json; null when there is none. Throws ERR_FORMAT_NEWER for a later version, ERR_LOG_CORRUPT when the file
 * is damaged.
 */
export function readFormat(disk: Disk, directory: string): Format | null {
  const path = `${directory}/${FORMAT_FILE}`
  let text: string
  try {
    text = new TextDecoder().decode(readFile(disk, path))
  } catch (error) {
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
    throw error
  }
  const value = parse(text)
  if (value === null) {
    throw new TidemarkError('ERR_LOG_CORRUPT', `${path} is damaged: restore it from a copy. Nothing was changed.`, {
      details: { file: path },
    })
  }
  if (value.format > FORMAT_VERSION) {
    throw new TidemarkError(
      'ERR_FORMAT_NEWER',
      `${directory} has data of format ${value.format}; this version of Tidemark reads up to ${FORMAT_VERSION}. ` +
        'Use the version that wrote it, or a newer one.',
      { details: { directory, format: value.format } },
    )
  }
  return value
}

export function writeFormat(disk: Disk, directory: string, job: string | null): void {
  const format: Format = { format: FORMAT_VERSION, job }
  const text = `${JSON.stringify({ ...format, checksum: checksum(format) }, null, 2)}\n`
  replaceFile(disk, directory, FORMAT_FILE, new TextEncoder().encode(text))
}

/** Throws ERR_DATA_DIR_OTHER_JOB when the data belongs to another job than `job`. */
export function checkJob(directory: string, format: Format, job: string | null): void {
  if (job === null || format.job === null || format.job === job) return
  throw new TidemarkError(
    'ERR_DATA_DIR_OTHER_JOB',
    `${directory} holds the data of job "${format.job}", not of job "${job}". Give "${job}" a directory of its own.`,
    { details: { directory, job, owner: format.job } },
  )
}

/** The checksum is of the version and the job, so that the layout of the text does not matter. */
function checksum(format: Format): string {
  const text = JSON.stringify([format.format, format.job])
  return crc32c(new TextEncoder().encode(text)).toString(16).padStart(8, '0')
}

function parse(text: string): Format | null {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(text) as Record<string, unknown>
  } catch {
    return null
  }
  const format = value['format']
  const job = value['job'] ?? null
  if (typeof format !== 'number' || (job !== null && typeof job !== 'string')) return null
  // A later version may compute its checksum in another way; what matters is to name it.
  if (format > FORMAT_VERSION) return { format, job }
  return value['checksum'] === checksum({ format, job }) ? { format, job } : null
}
