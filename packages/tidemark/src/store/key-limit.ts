import { TidemarkError } from '../errors/error.ts'

/** Throws ERR_KEY_TOO_LARGE for a key of more bytes than stores take. */
export function checkKeySize(store: string, sizeBytes: number, limitBytes: number): void {
  if (sizeBytes <= limitBytes) return
  throw new TidemarkError(
    'ERR_KEY_TOO_LARGE',
    `store ${store}: a key takes ${sizeBytes} bytes, more than the limit of ${limitBytes}. Use a hash of it`,
    { details: { store, sizeBytes, limitBytes } },
  )
}
