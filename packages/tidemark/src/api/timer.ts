import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'
import type { Serde } from '../serde/serde.ts'
import { string } from '../serde/string.ts'
import { assertSerde } from './stream.ts'

/** What every timer has, whatever its key. */
export interface AnyTimer {
  readonly kind: 'timer'
  readonly time: 'event' | 'processing'
}

/** A kind of timer that a task declares (see `timer`). */
export interface TimerDef<in out K> extends AnyTimer {
  readonly key: Serde<K>
}

/**
 * Declares durable timers of a task, one per key, with strings as keys unless `key` says otherwise: `event` ones fire
 * when the watermark reaches their time, `processing` ones when the clock does. Errors: ERR_OPTION.
 */
export function timer(time: 'event' | 'processing'): TimerDef<string>
export function timer<K>(time: 'event' | 'processing', options: { readonly key: Serde<K> }): TimerDef<K>
export function timer(
  time: 'event' | 'processing',
  options?: { readonly key: Serde<unknown> },
): TimerDef<string> | TimerDef<unknown> {
  if (time !== 'event' && time !== 'processing') {
    throw new TidemarkError('ERR_OPTION', `timer(${showValue(time)}): the time must be 'event' or 'processing'`)
  }
  if (options === undefined) return Object.freeze({ kind: 'timer' as const, time, key: string() })
  assertSerde(`timer('${time}')`, 'key', options.key)
  return Object.freeze({ kind: 'timer' as const, time, key: options.key })
}
