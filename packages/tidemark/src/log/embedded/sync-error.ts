import { TidemarkError } from '../../errors/error.ts'

/**
 * A sync (or what must be as sure as one) has failed: whatever the system's reason, the kernel may have dropped the
 * bytes, so that trying again would report success for what is lost. Always ERR_DISK_IO, never ERR_DISK_FULL.
 */
export function syncError(action: string, path: string, cause: unknown): TidemarkError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new TidemarkError(
    'ERR_DISK_IO',
    `cannot ${action} ${path}: ${why} What is durable is not known, so the log stops. Check the disk, then start again.`,
    { cause, details: { path, action } },
  )
}
