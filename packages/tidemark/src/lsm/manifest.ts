import { type Disk, readFile, replaceFile } from '../disk/disk.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import type { Steps, StoreDescriptor } from '../store/types.ts'
import { corrupt, newerFormat, olderFormat } from './format.ts'

export const MANIFEST_NAME = 'MANIFEST'
export const TEMPORARY_NAME: string = `${MANIFEST_NAME}.tmp`
const MANIFEST_VERSION = 2
/** Line one: what it is, its version, the CRC of everything else, the length of the rest. */
const HEAD = /^tidemark-manifest (\d{1,9}) ([0-9a-f]{8}) (\d{1,12})\n/
const MAX_HEAD_BYTES = 64

/** What the manifest says of the entries of one store in one file. */
export interface SectionEntry {
  readonly name: string
  /** Entries, deletions among them. */
  readonly entries: number
  readonly deletions: number
  readonly firstKey: Uint8Array
  readonly lastKey: Uint8Array
}

/** Windows of one store that end close to each other have files of their own, which go as a whole. */
export interface FileBucket {
  readonly store: string
  /** All windows in the file end at this or earlier, and less than a bucket's width before. */
  readonly endMs: number
}

/** What a base knows of the windows of a store that has buckets. */
export interface WindowState {
  /** The width of its buckets; it stays while there are files of them. */
  readonly bucketMs: number
  /** Of windows of one size; null: the key says where a window ends. */
  readonly sizeMs: number | null
  /** Windows that end at this or earlier have expired; null: none has. */
  readonly expiredMs: number | null
}

/** The time of a checkpoint, ms since 1970; null where it is not known. */
export interface ManifestTime {
  readonly eventMs: number | null
  readonly processingMs: number | null
}

/** What the manifest says of a file. */
export interface FileEntry {
  readonly name: string
  readonly sizeBytes: number
  /** The CRC of the file's metadata, which holds the CRC of each of its blocks. */
  readonly checksum: number
  readonly stores: readonly SectionEntry[]
  /** Of the files of a bucket; others have none. */
  readonly bucket?: FileBucket
}

/** The state of one checkpoint: a value that is fixed when it is made. */
export interface Manifest {
  readonly id: number
  /** Of a retained checkpoint: when it was retained, ms since 1970. Null for the state of now. */
  readonly createdAtMs: number | null
  /** The number of the next file: one that was named once is never used again. */
  readonly nextFile: number
  readonly descriptors: readonly StoreDescriptor[]
  /** By store. */
  readonly windows: Readonly<Record<string, WindowState>>
  readonly time: ManifestTime
  /** Newest first: of two entries with the same key, that of the file named first counts. */
  readonly files: readonly FileEntry[]
}

export const EMPTY_MANIFEST: Manifest = {
  id: 0,
  createdAtMs: null,
  nextFile: 1,
  descriptors: [],
  windows: {},
  time: { eventMs: null, processingMs: null },
  files: [],
}

/**
 * The names of sorted files: the number in ten digits or more, and `.sorted`. What a compaction thread writes has the
 * number of its task of that process too: a task that outlives its owner for a moment never meets the next owner's file.
 */
export function fileName(number: number, task?: number): string {
  return `${String(number).padStart(10, '0')}${task === undefined ? '' : `-${task}`}.sorted`
}

export function isFileName(name: string): boolean {
  return /^\d{10,16}(-\d{1,16})?\.sorted$/.test(name)
}

/** True for what a write leaves in the directory when it is cut off, and for sorted files. */
export function isOurs(name: string): boolean {
  return name === TEMPORARY_NAME || isFileName(name)
}

interface WrittenManifest {
  readonly id: number
  readonly createdAtMs: number | null
  readonly nextFile: number
  readonly descriptors: readonly StoreDescriptor[]
  readonly windows: Readonly<Record<string, WindowState>>
  readonly time: ManifestTime
  readonly files: readonly {
    readonly name: string
    readonly sizeBytes: number
    readonly checksum: number
    readonly stores: readonly {
      readonly name: string
      readonly entries: number
      readonly deletions: number
      readonly firstKey: string
      readonly lastKey: string
    }[]
    readonly bucket?: FileBucket
  }[]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The manifest as bytes: a line that says what it is, then JSON, with keys in hex. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const written: WrittenManifest = {
    id: manifest.id,
    createdAtMs: manifest.createdAtMs,
    nextFile: manifest.nextFile,
    descriptors: manifest.descriptors,
    windows: manifest.windows,
    time: manifest.time,
    files: manifest.files.map((file) => ({
      ...file,
      stores: file.stores.map((section) => ({
        ...section,
        firstKey: Buffer.from(section.firstKey).toString('hex'),
        lastKey: Buffer.from(section.lastKey).toString('hex'),
      })),
    })),
  }
  const body = encoder.encode(`${JSON.stringify(written, null, 1)}\n`)
  const crc = checksumOf(MANIFEST_VERSION, body)
  const head = `tidemark-manifest ${MANIFEST_VERSION} ${crc.toString(16).padStart(8, '0')} ${body.length}\n`
  const bytes = new Uint8Array(head.length + body.length)
  bytes.set(encoder.encode(head))
  bytes.set(body, head.length)
  return bytes
}

function checksumOf(version: number, body: Uint8Array): number {
  return crc32c(body, 0, body.length, crc32c(encoder.encode(`tidemark-manifest ${version} ${body.length}\n`)))
}

/** Throws ERR_STATE_CORRUPT when the bytes are not a whole manifest, ERR_FORMAT_NEWER when a later version wrote it. */
export function decodeManifest(bytes: Uint8Array, path: string): Manifest {
  const start = String.fromCharCode(...bytes.subarray(0, MAX_HEAD_BYTES))
  const match = HEAD.exec(start)
  if (match === null) throw corrupt(path, 0, 'does not start as a manifest does')
  const [head, version, crc, length] = match as unknown as [string, string, string, string]
  const body = bytes.subarray(head.length)
  if (body.length !== Number(length)) {
    throw corrupt(path, bytes.length, `is cut off or too long: ${body.length} bytes follow the head, not ${length}`)
  }
  if (checksumOf(Number(version), body) !== Number.parseInt(crc, 16)) {
    throw corrupt(path, head.length, 'fails its checksum')
  }
  if (Number(version) > MANIFEST_VERSION) throw newerFormat(path, Number(version), MANIFEST_VERSION)
  if (Number(version) < MANIFEST_VERSION) throw olderFormat(path, Number(version), MANIFEST_VERSION)
  const written = JSON.parse(decoder.decode(body)) as WrittenManifest
  return {
    ...written,
    files: written.files.map((file) => ({
      ...file,
      stores: file.stores.map((section) => ({
        ...section,
        firstKey: new Uint8Array(Buffer.from(section.firstKey, 'hex')),
        lastKey: new Uint8Array(Buffer.from(section.lastKey, 'hex')),
      })),
    })),
  }
}

/** Reads the manifest of a directory; null if there is none. */
export function readManifest(disk: Disk, directory: string): Manifest | null {
  const path = `${directory}/${MANIFEST_NAME}`
  if (!disk.exists(path)) return null
  return decodeManifest(readFile(disk, path), path)
}

/**
 * Replaces the manifest, durably, waiting for the disk where it can. When it throws, `progress.renaming` counts: while
 * false the old manifest stands, and the temporary file may be removed; afterwards nobody knows which of the two a crash
 * would leave.
 */
export function* writeManifest(disk: Disk, directory: string, manifest: Manifest, progress: ManifestProgress): Steps {
  const temporary = `${directory}/${TEMPORARY_NAME}`
  const file = disk.open(temporary, 'create')
  try {
    file.truncate(0)
    file.write(encodeManifest(manifest), 0)
    const wait = file.syncLater()
    if (wait !== null) yield wait
  } finally {
    file.close()
  }
  progress.renaming = true
  disk.rename(temporary, `${directory}/${MANIFEST_NAME}`)
  const wait = disk.syncDirectoryLater(directory)
  if (wait !== null) yield wait
}

/** As `writeManifest`, at once. */
export function writeManifestNow(disk: Disk, directory: string, manifest: Manifest): void {
  replaceFile(disk, directory, MANIFEST_NAME, encodeManifest(manifest))
}

/** How far a `writeManifest` came. */
export interface ManifestProgress {
  renaming: boolean
}
