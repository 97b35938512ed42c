import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'

/** Waits for an asynchronous handler, but not for ever. */
export class HandlerLimit {
  /** Settles as the handler does; rejects with ERR_HANDLER_TIMEOUT when its time is up. */
  readonly result: Promise<unknown>
  /** The handler had not settled when its time was up: it may still wake up. */
  ranOut = false

  constructor(handler: Promise<unknown>, clock: Clock, timeoutMs: number) {
    const limit = new AbortController()
    const timeout = clock.sleep(timeoutMs, limit.signal).then(
      () => {
        this.ranOut = true
        throw new TidemarkError(
          'ERR_HANDLER_TIMEOUT',
          `the handler did not settle in ${timeoutMs} ms. Let it settle earlier, or raise commit.timeoutMs, of which a handler has nine tenths.`,
          { details: { timeoutMs } },
        )
      },
      () => {},
    )
    this.result = Promise.race([handler, timeout]).finally(() => limit.abort())
  }
}
