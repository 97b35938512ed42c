import type { Disk, DiskFile } from '../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import type { Steps } from '../store/types.ts'
import type { RETAIN_FAILPOINTS } from './failpoints.ts'
import { type Manifest, MANIFEST_NAME, readManifest, writeManifest } from './manifest.ts'

const COPY_BYTES = 1024 * 1024

export interface ExportStateOptions {
  readonly disk: Disk
  readonly from: string
  /** What to copy; the caller sees to it that its files stay. */
  readonly manifest: Manifest
  /** A directory of its own: made when missing. */
  readonly to: string
  readonly failpoint?: (name: (typeof RETAIN_FAILPOINTS)[number]) => void
}

/**
 * Copies the state that a manifest names to another directory, in steps: hard links where the file system can, else
 * copies. The manifest comes last, so that a state directory is whole or none (C8); what an earlier attempt left is
 * replaced. ERR_FILE_EXISTS: there is a whole state already.
 */
export function* exportState(options: ExportStateOptions): Steps {
  const { disk, from, manifest, to, failpoint } = options
  if (readManifest(disk, to) !== null) {
    throw new TidemarkError(
      'ERR_FILE_EXISTS',
      `state cannot be copied to ${to}: there is a state already. Name another directory, or remove it.`,
      { details: { path: to, action: 'copy state to', errno: 'EEXIST' } },
    )
  }
  disk.makeDirectory(to)
  failpoint?.('export-before-files')
  for (const { name } of manifest.files) {
    yield* linkOrCopy(disk, `${from}/${name}`, `${to}/${name}`)
    yield
  }
  const wait = disk.syncDirectoryLater(to)
  if (wait !== null) yield wait
  failpoint?.('export-before-manifest')
  yield* writeManifest(disk, to, manifest, { renaming: false })
  const slash = to.lastIndexOf('/')
  if (slash > 0) disk.syncDirectory(to.slice(0, slash))
  failpoint?.('export-after-manifest')
}

/** Copies a state directory that nobody writes, an export for one, to another directory. Errors as `exportState`. */
export function* importState(disk: Disk, from: string, to: string): Steps {
  const manifest = readManifest(disk, from)
  if (manifest === null) {
    const path = `${from}/${MANIFEST_NAME}`
    throw new TidemarkError('ERR_FILE_NOT_FOUND', `${path} is not there: ${from} holds no state.`, {
      details: { path, action: 'read', errno: 'ENOENT' },
    })
  }
  yield* exportState({ disk, from, manifest: { ...manifest, createdAtMs: null }, to })
}

function* linkOrCopy(disk: Disk, from: string, to: string): Steps {
  // Left by an attempt that was cut off: it may be half a copy.
  if (disk.exists(to)) disk.remove(to)
  try {
    disk.link(from, to)
  } catch (error) {
    if (!cannotLink(error)) throw error
    yield* copy(disk, from, to)
  }
}

/** Another file system, one without hard links, or too many links of one file: then it is copied. */
function cannotLink(error: unknown): boolean {
  if (!isTidemarkError(error)) return false
  const { errno } = error.details as { readonly errno?: string }
  return errno === 'EXDEV' || errno === 'EPERM' || errno === 'EMLINK' || errno === 'ENOTSUP' || errno === 'ENOSYS'
}

function* copy(disk: Disk, from: string, to: string): Steps {
  const source = disk.open(from, 'read')
  let target: DiskFile | null = null
  try {
    target = disk.open(to, 'create')
    target.truncate(0)
    const buffer = new Uint8Array(COPY_BYTES)
    for (let at = 0; ; ) {
      const count = source.read(buffer, 0, buffer.length, at)
      if (count === 0) break
      target.write(buffer.subarray(0, count), at)
      at += count
      yield
    }
    const wait = target.syncLater()
    if (wait !== null) yield wait
  } finally {
    source.close()
    target?.close()
  }
}
