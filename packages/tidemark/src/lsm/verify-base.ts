import { type Disk } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import { type Finding, Findings, type VerifyReport } from './finding.ts'
import { type FileEntry, isOurs, MANIFEST_NAME, type Manifest, readManifest } from './manifest.ts'
import { readRetained, retainedIds, retainedPath } from './retained.ts'
import { verifyFile } from './verify-file.ts'

export interface VerifyOptions {
  /** Only this retained checkpoint. Default: the newest state and all that are retained. */
  readonly checkpoint?: number
}

/** How often the work starts again because the owner has replaced the manifest meanwhile. */
const ATTEMPTS = 20

/**
 * Reads every byte of the state in a directory and checks all there is to check: manifests, the files they name, and in
 * these each checksum, the order of keys, counts, filters. Changes nothing; may run beside the owner, as files that it
 * removes meanwhile are those of an older manifest. A generator: each step is a few ms at most. A directory without
 * state has no findings. Throws what says nothing of the state: ERR_DISK_ACCESS.
 */
export function* verifyBase(disk: Disk, directory: string, options: VerifyOptions = {}): Generator<void, VerifyReport> {
  const verified = new Map<string, { entries: number; sizeBytes: number; findings: readonly Finding[] }>()
  for (let attempt = 1; ; attempt++) {
    const { manifests, findings } = readManifests(disk, directory, options)
    const missing: Finding[] = []
    for (const { manifest, path } of manifests) {
      for (const file of manifest.files) {
        const known = `${file.name} ${file.checksum} ${file.sizeBytes}`
        if (verified.has(known)) continue
        const result = yield* verifyOne(disk, `${directory}/${file.name}`, file)
        if (result !== null) verified.set(known, { ...result, sizeBytes: file.sizeBytes })
        else missing.push(missingFile(directory, file, manifest, path))
      }
    }
    const moved = missing.length > 0 && hasMoved(disk, directory, options, manifests)
    if (moved && attempt < ATTEMPTS) continue
    const named = new Set(manifests.flatMap(({ manifest }) => manifest.files.map((file) => file.name)))
    const results = [...verified.values()]
    return {
      files: results.length + manifests.length,
      bytes: results.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      entries: results.reduce((sum, { entries }) => sum + entries, 0),
      checkpoints: manifests.map(({ manifest }) => manifest.id),
      findings: [
        ...findings,
        ...missing,
        ...results.flatMap((result) => result.findings),
        ...(options.checkpoint === undefined && findings.length === 0 ? leftovers(disk, directory, named) : []),
      ],
    }
  }
}

interface FoundManifest {
  readonly path: string
  readonly manifest: Manifest
}

/** The manifests to verify; one that cannot be read is a finding. */
function readManifests(
  disk: Disk,
  directory: string,
  options: VerifyOptions,
): { readonly manifests: FoundManifest[]; readonly findings: Finding[] } {
  const manifests: FoundManifest[] = []
  const findings: Finding[] = []
  const add = (path: string, read: () => Manifest | null): void => {
    const each = new Findings(path)
    try {
      const manifest = read()
      if (manifest !== null) manifests.push({ path, manifest })
      else if (disk.list(directory).some((name) => isOurs(name))) {
        each.damage(0, 'is missing, and there are sorted files')
      }
    } catch (error) {
      // One that was released meanwhile.
      if (!isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) each.thrown(0, null, error)
    }
    findings.push(...each.list)
  }
  if (options.checkpoint === undefined) add(`${directory}/${MANIFEST_NAME}`, () => readManifest(disk, directory))
  const ids = options.checkpoint === undefined ? retainedIds(disk, directory) : [options.checkpoint]
  for (const id of ids) add(retainedPath(directory, id), () => readRetained(disk, directory, id))
  return { manifests, findings }
}

/** Null if the file is not there. */
function* verifyOne(
  disk: Disk,
  path: string,
  file: FileEntry,
): Generator<void, { entries: number; findings: readonly Finding[] } | null> {
  try {
    return yield* verifyFile(disk, path, file)
  } catch (error) {
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
    throw error
  }
}

/** True if the manifests are not those any more that named what is missing. */
function hasMoved(disk: Disk, directory: string, options: VerifyOptions, before: readonly FoundManifest[]): boolean {
  const now = readManifests(disk, directory, options).manifests
  const says = (found: readonly FoundManifest[]): string =>
    found.map(({ path, manifest }) => `${path} ${manifest.files.map((file) => file.name).join()}`).join(' ')
  return says(now) !== says(before)
}

function missingFile(directory: string, file: FileEntry, manifest: Manifest, path: string): Finding {
  return {
    kind: 'damage',
    file: `${directory}/${file.name}`,
    position: 0,
    store: null,
    what: `is missing, but checkpoint ${manifest.id} is made of it (${path})`,
  }
}

/** What a write that was cut off leaves, until the owner opens the directory; or what the owner is writing now. */
function leftovers(disk: Disk, directory: string, named: ReadonlySet<string>): Finding[] {
  return disk
    .list(directory)
    .filter((name) => isOurs(name) && !named.has(name))
    .map((name) => ({
      kind: 'leftover',
      file: `${directory}/${name}`,
      position: 0,
      store: null,
      what: 'is named by no manifest: it is being written, or a crash has left it and the next run removes it',
    }))
}
