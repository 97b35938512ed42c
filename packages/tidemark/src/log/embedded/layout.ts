import { TidemarkError } from '../../errors/error.ts'

/** Names of files and directories in a data directory; docs/internals/file-format.md describes them. */
export const FORMAT_FILE = 'format.json'

const NUMBER_DIGITS = 8
const OFFSET_DIGITS = 20
const NAME_MAX_BYTES = 200
const JOURNAL_SUFFIX = '.journal'
const PLAIN = /^[A-Za-z0-9_-]$/

export type SegmentFileKind = 'log' | 'index' | 'timeindex'

export function journalDirectory(directory: string): string {
  return `${directory}/journal`
}

export function journalName(number: number): string {
  return `${String(number).padStart(NUMBER_DIGITS, '0')}${JOURNAL_SUFFIX}`
}

export function journalPath(directory: string, number: number): string {
  return `${journalDirectory(directory)}/${journalName(number)}`
}

/** The number in a journal file's name, null for other files. */
export function journalNumber(name: string): number | null {
  if (!name.endsWith(JOURNAL_SUFFIX)) return null
  const digits = name.slice(0, -JOURNAL_SUFFIX.length)
  return /^\d{8,15}$/.test(digits) ? Number(digits) : null
}

export function streamsDirectory(directory: string): string {
  return `${directory}/streams`
}

export function streamDirectory(directory: string, stream: string): string {
  return `${streamsDirectory(directory)}/${encodeStreamName(stream)}`
}

export function partitionDirectory(directory: string, stream: string, partition: number): string {
  return `${streamDirectory(directory, stream)}/${partition}`
}

export function segmentName(baseOffset: number, kind: SegmentFileKind): string {
  return `${String(baseOffset).padStart(OFFSET_DIGITS, '0')}.${kind}`
}

/** The base offset in the name of a segment's .log file, null for other files. */
export function segmentBaseOf(name: string): number | null {
  return /^\d{20}\.log$/.test(name) ? Number(name.slice(0, OFFSET_DIGITS)) : null
}

/**
 * A stream's name as a directory's: letters, digits, `_`, `-` and inner dots as they are, other bytes of its UTF-8 as %XX.
 * Throws ERR_STREAM_NAME for an empty name and for one whose encoding has more than 200 bytes.
 */
export function encodeStreamName(name: string): string {
  let encoded = ''
  for (const byte of new TextEncoder().encode(name)) {
    const char = String.fromCharCode(byte)
    // A leading dot would hide the directory, or be `.` or `..`.
    if (PLAIN.test(char) || (char === '.' && encoded !== '')) encoded += char
    else encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  if (encoded === '' || encoded.length > NAME_MAX_BYTES) {
    const what = encoded === '' ? 'is empty' : `takes ${encoded.length} bytes as a directory's name`
    throw new TidemarkError('ERR_STREAM_NAME', `stream name "${name}" ${what}: use 1 to ${NAME_MAX_BYTES} characters.`)
  }
  return encoded
}
