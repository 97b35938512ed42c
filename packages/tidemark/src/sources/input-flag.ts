import { statSync } from 'node:fs'
import type { InputSpec, OutputSpec } from '../api/app.ts'
import { TidemarkError } from '../errors/error.ts'
import { notFile } from './file-identity.ts'
import { formatOf } from './input-format.ts'
import { nearestFile } from './nearest-file.ts'
import type { RowFormat } from './row-parser.ts'

const PREFIX = /^(jsonl|json|csv):(.*)$/s

/**
 * Reads the value of `--in`: `stream=PATH`, `stream=-` for standard input, or `stream=FORMAT:PATH` with FORMAT one of
 * jsonl, json, csv (a path that begins so can be written as ./csv:...). Looks at no file: see `checkInputFile`.
 * Throws ERR_INPUT_FLAG, ERR_INPUT_FORMAT.
 */
export function parseInputFlag(flag: string): { readonly stream: string; readonly spec: InputSpec } {
  const { stream, rest } = split('--in', 'ERR_INPUT_FLAG', flag, 'visits=visits.jsonl or --in visits=-')
  const prefix = PREFIX.exec(rest)
  const path = prefix?.[2] ?? rest
  if (path === '') {
    throw new TidemarkError('ERR_INPUT_FLAG', `--in ${flag}: a path is missing after the format, as in ${flag}FILE`)
  }
  const { format } = formatOf(path, (prefix?.[1] as RowFormat | undefined) ?? null)
  return { stream, spec: { path, format } }
}

/** Reads the value of `--out`: `stream=PATH`, or `stream=-` for standard output. Throws ERR_OUTPUT_FLAG. */
export function parseOutputFlag(flag: string): { readonly stream: string; readonly spec: OutputSpec } {
  const { stream, rest } = split('--out', 'ERR_OUTPUT_FLAG', flag, 'counts=counts.jsonl or --out counts=-')
  return { stream, spec: { path: rest } }
}

function split(
  name: string,
  code: 'ERR_INPUT_FLAG' | 'ERR_OUTPUT_FLAG',
  flag: string,
  example: string,
): { stream: string; rest: string } {
  const equals = flag.indexOf('=')
  if (equals > 0 && equals < flag.length - 1) return { stream: flag.slice(0, equals), rest: flag.slice(equals + 1) }
  const missing = equals < 0 ? 'there is no =' : equals === 0 ? 'the stream is missing' : 'the path is missing'
  throw new TidemarkError(code, `${name} takes stream=PATH, but in "${flag}" ${missing}. Write ${name} ${example}.`)
}

/**
 * Checks that a path can be an input: `-`, or a file. Throws ERR_FILE_NOT_FOUND (with the nearest name in the directory)
 * and ERR_INPUT_NOT_FILE.
 */
export function checkInputFile(path: string): void {
  if (path === '-') return
  const facts = statSync(path, { throwIfNoEntry: false })
  if (facts === undefined) {
    const near = nearestFile(path)
    const hint = near === null ? 'Check the path.' : `Did you mean ${near}?`
    throw new TidemarkError('ERR_FILE_NOT_FOUND', `${path} does not exist. ${hint}`, { details: { file: path } })
  }
  if (facts.isDirectory()) throw notFile(path)
}
