import { type Duration, durationMs } from '../api/duration.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import type { Options } from './context.ts'
import { parseSize, showSize } from './size-text.ts'

/** A flag's text, or undefined when it was not given. */
export function textFlag(options: Options, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

/** A required flag's text; ERR_USAGE when it is missing. */
export function requiredFlag(options: Options, name: string, flag: string): string {
  const value = textFlag(options, name)
  if (value === undefined || value === '') throw new TidemarkError('ERR_USAGE', `the flag ${flag} is needed`)
  return value
}

/** Every value of a flag that may be given more than once. */
export function listFlag(options: Options, name: string): string[] {
  const value = options[name]
  return Array.isArray(value) ? value.map(String) : []
}

/** Collects the values of a flag that may be given more than once (for commander). */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}

/** A duration in ms, or undefined when the flag was not given; ERR_USAGE for anything else. */
export function durationFlag(options: Options, name: string, flag: string): number | undefined {
  const text = textFlag(options, name)
  if (text === undefined) return undefined
  try {
    return durationMs((/^\d+$/.test(text) ? Number(text) : text) as Duration, flag)
  } catch (cause) {
    if (!isTidemarkError(cause, 'ERR_DURATION')) throw cause
    throw new TidemarkError('ERR_USAGE', `${flag} takes a duration such as 500ms, 30s or 5m, not "${text}"`, { cause })
  }
}

/** A whole number of `lowest` or more, or undefined when the flag was not given; ERR_USAGE for anything else. */
export function countFlag(options: Options, name: string, flag: string, lowest: number): number | undefined {
  const text = textFlag(options, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= lowest) return value
  throw new TidemarkError('ERR_USAGE', `${flag} takes a whole number of ${lowest} or more, not "${text}"`)
}

/** A size in bytes of `lowest` or more, or undefined when the flag was not given; ERR_USAGE for anything else. */
export function sizeFlag(options: Options, name: string, flag: string, lowest: number): number | undefined {
  const text = textFlag(options, name)
  if (text === undefined) return undefined
  const value = parseSize(text)
  if (value !== undefined && value >= lowest) return value
  throw new TidemarkError(
    'ERR_USAGE',
    `${flag} takes a size of ${showSize(lowest)} or more, such as 512KiB or 64MiB, or a number of bytes, not "${text}"`,
  )
}

/** Ms since 1970, from such a number or an ISO 8601 time; ERR_USAGE, which says what the flag takes. */
export function parseTime(
  text: string,
  flag: string,
  takes = 'ms since 1970 or a time such as 2013-01-01T05:00Z',
): number {
  const ms = /^-?\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isSafeInteger(ms)) return ms
  throw new TidemarkError('ERR_USAGE', `${flag} takes ${takes}, not "${text}"`)
}
