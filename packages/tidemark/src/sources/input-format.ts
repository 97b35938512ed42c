import { TidemarkError } from '../errors/error.ts'
import type { Compression } from './byte-input.ts'
import type { RowFormat } from './row-parser.ts'

const BY_EXTENSION: Readonly<Record<string, RowFormat>> = { jsonl: 'jsonl', ndjson: 'jsonl', json: 'json', csv: 'csv' }

/** What a file's name says of it. */
export interface FileFormat {
  readonly format: RowFormat
  readonly compression: Compression
}

/**
 * Format and compression of a file by its name: .jsonl .ndjson .json .csv, each also with .gz or .zst behind it. A
 * given format wins over the name's. Throws ERR_INPUT_FORMAT when the name tells none and none is given.
 */
export function formatOf(path: string, given: RowFormat | null = null): FileFormat {
  if (path === '-') return { format: given ?? 'jsonl', compression: null }
  const name = path.toLowerCase()
  const compression = name.endsWith('.gz') ? 'gz' : name.endsWith('.zst') ? 'zst' : null
  const plain = compression === null ? name : name.slice(0, -compression.length - 1)
  const extension = plain.slice(plain.lastIndexOf('.') + 1)
  const format = given ?? (Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined)
  if (format === undefined) {
    throw new TidemarkError(
      'ERR_INPUT_FORMAT',
      `the format of ${path} cannot be told from its name. Known are .jsonl, .ndjson, .json and .csv, each also with ` +
        `.gz or .zst behind it; or write the format before the path, as in csv:${path}.`,
      { details: { file: path } },
    )
  }
  return { format, compression }
}
