import { TidemarkError } from 'tidemark/system'

/** The innermost reason that an error gives: what a person can act upon. */
export function reasonOf(error: unknown): string {
  let reason = error
  for (let depth = 0; depth < 8; depth++) {
    const inner = innerOf(reason)
    if (inner === undefined) break
    reason = inner
  }
  return reason instanceof Error ? reason.message : String(reason)
}

function innerOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  if (error.cause !== undefined) return error.cause
  return error instanceof AggregateError ? (error.errors[0] as unknown) : undefined
}

/** True if a broker answered and said that the credentials are wrong: trying again does not help. */
function isAuthentication(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if ((at as { code?: unknown }).code === 'PLT_KFK_AUTHENTICATION') return true
  }
  return false
}

/**
 * What connecting to a broker failed by: ERR_KAFKA_AUTHENTICATION, or ERR_KAFKA_CONNECTION with `sent: false`. `mechanism` is
 * that of SASL, null without it.
 */
export function connectError(broker: string, mechanism: string | null, error: unknown): TidemarkError {
  const details = { broker, sent: false }
  if (isAuthentication(error)) {
    return new TidemarkError(
      'ERR_KAFKA_AUTHENTICATION',
      `broker ${broker} does not accept the credentials by ${mechanism ?? 'no mechanism'}: ${reasonOf(error)}. ` +
        'Check mechanism, user and password of "sasl".',
      { cause: error, details: { ...details, mechanism } },
    )
  }
  return new TidemarkError('ERR_KAFKA_CONNECTION', `broker ${broker} cannot be reached: ${reasonOf(error)}`, {
    cause: error,
    details,
  })
}

/** A connection that was there is gone; `sent` false only if the request surely never left. */
export function lostError(broker: string, sent: boolean, cause: unknown): TidemarkError {
  const why = cause === null || cause === undefined ? 'it was closed' : reasonOf(cause)
  return new TidemarkError(
    'ERR_KAFKA_CONNECTION',
    `the connection to broker ${broker} is gone: ${why}. ${sent ? 'A request may have been carried out.' : 'Nothing was sent.'}`,
    { cause, details: { broker, sent } },
  )
}
