import { TidemarkError } from '../errors/error.ts'

/** What a failed request says, as far as it says it. */
interface Failure {
  readonly name?: string
  readonly code?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** The connection was not made, so that the server knows of nothing. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNABORTED'])
/** The server says that it did nothing. */
const TOO_BUSY = new Set([429, 503])
const TIMED_OUT = 408
/** Another conditional write of the same object is under way. */
const CONFLICT = 409

export function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as Failure
  return name === 'NoSuchKey' || name === 'NotFound' || ($metadata?.httpStatusCode === 404 && name !== 'NoSuchBucket')
}

export function isPreconditionFailed(error: unknown): boolean {
  return (error as Failure).$metadata?.httpStatusCode === 412
}

export function isRangePastEnd(error: unknown): boolean {
  return (error as Failure).$metadata?.httpStatusCode === 416
}

/**
 * What a failed request means: ERR_OBJECT_STORE when nothing was done, ERR_OBJECT_STORE_UNKNOWN when it may have been,
 * ERR_OBJECT_STORE_ACCESS when it would be refused again.
 */
export function s3Error(error: unknown, what: string): TidemarkError {
  const failure = error as Failure
  const status = failure.$metadata?.httpStatusCode
  const named = failure.name === undefined || failure.name === 'Error' ? (failure.code ?? 'Error') : failure.name
  const said = `${named}${status === undefined ? '' : ` ${status}`}: ${failure.message ?? 'no message'}`
  const options = { cause: error, details: { status: status ?? null } }
  if (status === undefined) {
    if (named.startsWith('Credentials') || named.startsWith('Config') || named === 'TokenProviderError') {
      return new TidemarkError('ERR_OBJECT_STORE_ACCESS', `${what}: ${said}`, options)
    }
    const sent = !NOT_SENT.has(failure.code ?? '')
    if (!sent) return new TidemarkError('ERR_OBJECT_STORE', `${what}: it cannot be reached (${said})`, options)
    return new TidemarkError('ERR_OBJECT_STORE_UNKNOWN', `${what}: there was no answer (${said})`, options)
  }
  if (TOO_BUSY.has(status)) return new TidemarkError('ERR_OBJECT_STORE', `${what}: it is too busy (${said})`, options)
  if (status === TIMED_OUT || status === CONFLICT || status >= 500 || status < 300) {
    return new TidemarkError('ERR_OBJECT_STORE_UNKNOWN', `${what}: it failed (${said})`, options)
  }
  return new TidemarkError('ERR_OBJECT_STORE_ACCESS', `${what} was refused (${said})`, options)
}
