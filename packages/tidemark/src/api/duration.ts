import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'

type Days = '' | `${number}d`
type Hours = '' | `${number}h`
type Minutes = '' | `${number}m`
type Seconds = '' | `${number}s`
type Milliseconds = '' | `${number}ms`

/** Text such as '1h', '5m', '1h6m', '250ms': units d h m s ms in this order, each at most once. */
export type DurationText = Exclude<`${Days}${Hours}${Minutes}${Seconds}${Milliseconds}`, ''>

/** How long: text ('1h6m') or milliseconds. */
export type Duration = DurationText | number

const UNITS = ['d', 'h', 'm', 's', 'ms'] as const
const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/**
 * The milliseconds of a duration, a whole number of 0 or more. `what` names the option in the error, ERR_DURATION, which
 * says what is wrong.
 */
export function durationMs(duration: Duration, what: string): number {
  const ms: unknown = typeof duration === 'number' ? duration : parseDuration(duration, what)
  if (!Number.isSafeInteger(ms) || (ms as number) < 0) {
    throw wrong(what, duration, 'milliseconds are a whole number of 0 or more')
  }
  return ms as number
}

/** As durationMs, but 0 is an error too. */
export function positiveDurationMs(duration: Duration, what: string): number {
  const ms = durationMs(duration, what)
  if (ms === 0) throw wrong(what, duration, 'it must be longer than 0')
  return ms
}

function parseDuration(text: unknown, what: string): number {
  if (typeof text !== 'string') throw wrong(what, text, 'it must be text or a number of milliseconds')
  if (text === '') throw wrong(what, text, 'it is empty')
  const part = /(\d+)(ms|[dhms])/y
  let totalMs = 0
  let lastUnit = -1
  while (part.lastIndex < text.length) {
    const from = part.lastIndex
    const match = part.exec(text)
    if (match === null) throw wrong(what, text, explain(text.slice(from)))
    const unit = match[2] as (typeof UNITS)[number]
    const place = UNITS.indexOf(unit)
    if (place === lastUnit) throw wrong(what, text, `'${unit}' is there twice`)
    if (place < lastUnit) throw wrong(what, text, `'${unit}' comes after '${UNITS[lastUnit]}': the order is d h m s ms`)
    lastUnit = place
    totalMs += Number(match[1]) * (UNIT_MS[unit] as number)
  }
  return totalMs
}

function explain(rest: string): string {
  const shown = showValue(rest)
  if (/^\s/.test(rest)) return 'it has a space in it'
  if (/^\d+$/.test(rest)) return `${shown} has no unit: add d, h, m, s or ms`
  if (/^\d+[.,]\d/.test(rest)) return `${shown} is no whole number: use a smaller unit, as 1h30m for 1.5h`
  if (rest.startsWith('-')) return 'it is negative'
  if (/^\d+/.test(rest)) return `${shown} has no unit of time: use d, h, m, s or ms`
  return `${shown} does not start with a whole number`
}

function wrong(what: string, duration: unknown, why: string): TidemarkError {
  return new TidemarkError(
    'ERR_DURATION',
    `${what}: ${showValue(duration)} is no duration: ${why}. Write '1h', '5m', '1h6m', '250ms' or milliseconds.`,
  )
}

/** A duration as people read it, the shortest exact form: 3960000 is 1h6m. */
export function showDuration(ms: number): string {
  let rest = ms
  let text = ''
  for (const unit of UNITS) {
    const size = UNIT_MS[unit] as number
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return text === '' ? '0ms' : text
}
