import { fileURLToPath } from 'node:url'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { TidemarkError } from '../errors/error.ts'
import type { ResolvePackage } from '../errors/optional-package.ts'
import { FileObjects } from './file-objects.ts'
import type { CheckpointManager } from './manager.ts'
import { type ManagerStep, ObjectCheckpointManager } from './object-manager.ts'
import type { ObjectStore } from './object-store.ts'
import { isPlace } from './place.ts'
import { S3Objects } from './s3-objects.ts'
import { loadS3Sdk } from './s3-sdk.ts'

export interface OpenStoreOptions {
  /**
   * `file:///directory`, or `s3://bucket/prefix` with `?endpoint=` (another server than Amazon's), `region=` and
   * `pathStyle=` (true or false; by default true with an endpoint). What the URL leaves out, and the credentials, come from
   * where the AWS SDK looks: AWS_ variables, ~/.aws, the instance.
   */
  readonly to: string
  readonly disk: Disk
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** S3: a request that takes longer is given up, ms (default 30000). */
  readonly requestTimeoutMs?: number
  /** S3: how often a request is tried that may be tried again (default 5). */
  readonly attempts?: number
  /** S3: larger files go in parts of this size (default 8 MiB, at least 5). */
  readonly partBytes?: number
  /** Directories: files of the same file system are linked rather than copied (default false). */
  readonly link?: boolean
  /** How the package of S3 is found: for tests. */
  readonly resolve?: ResolvePackage
}

/** Opens a place for checkpoints. Throws ERR_CHECKPOINT_TARGET for a URL of another kind, ERR_S3_MISSING. */
export function openObjectStore(options: OpenStoreOptions): ObjectStore {
  const url = URL.canParse(options.to) ? new URL(options.to) : null
  if (url?.protocol === 'file:' && url.host === '' && url.search === '') return openFiles(url, options)
  if (url?.protocol === 's3:' && url.hostname !== '') return openS3(url, options)
  throw badTarget(options.to, 'it is neither file:///directory nor s3://bucket/prefix')
}

/** Opens where a savepoint is or is to be: a directory's path, or a URL as for `openObjectStore`. */
export function openSavepointStore(
  place: string,
  options: { readonly disk: Disk; readonly clock: Clock; readonly pause?: () => Promise<void> },
): ObjectStore {
  const { disk, clock } = options
  // There is one process only that could meet itself: its retries need not be spread.
  if (isPlace(place)) return openObjectStore({ to: place, disk, clock, random: () => 0.5, link: true })
  return new FileObjects({ ...options, directory: place, link: true })
}

/** A manager on a place: see `openObjectStore`. */
export function openCheckpointManager(
  options: OpenStoreOptions & { readonly failpoint?: (name: ManagerStep) => void },
): CheckpointManager & { close(): void } {
  const { clock, random, failpoint } = options
  const store = openObjectStore(options)
  const manager = new ObjectCheckpointManager({
    store,
    clock,
    random,
    ...(failpoint === undefined ? {} : { failpoint }),
  })
  return Object.assign(manager, { close: () => store.close() })
}

function openFiles(url: URL, { disk, link = false }: OpenStoreOptions): ObjectStore {
  const directory = fileURLToPath(url).replace(/(?<=.)\/+$/, '')
  return new FileObjects({ disk, directory, link })
}

const PARAMETERS = ['endpoint', 'region', 'pathStyle']

function openS3(url: URL, options: OpenStoreOptions): ObjectStore {
  const { to, disk, clock, random, requestTimeoutMs, attempts, partBytes } = options
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.includes(name)) throw badTarget(to, `it may have ${PARAMETERS.join(', ')}, not ${name}`)
  }
  const endpoint = url.searchParams.get('endpoint')
  if (endpoint !== null && !/^https?:\/\/[^/]+/.test(endpoint)) throw badTarget(to, 'its endpoint is no URL')
  const ambient = process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'] ?? null
  const region = url.searchParams.get('region')
  const pathStyle = url.searchParams.get('pathStyle') ?? String((endpoint ?? ambient) !== null)
  const sdk = loadS3Sdk(options.resolve)
  const client = new sdk.S3Client({
    ...(endpoint === null ? {} : { endpoint }),
    // A server of one's own needs a region for the signature, whichever.
    ...(region !== null ? { region } : endpoint === null ? {} : { region: process.env['AWS_REGION'] ?? 'us-east-1' }),
    forcePathStyle: pathStyle === 'true',
    // Whether to try again is ours to decide.
    maxAttempts: 1,
  })
  return new S3Objects({
    sdk,
    client,
    bucket: url.hostname,
    prefix: decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, ''),
    disk,
    clock,
    random,
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(partBytes === undefined ? {} : { partBytes }),
  })
}

function badTarget(to: string, why: string): TidemarkError {
  const message = `checkpoints cannot be kept at ${to}: ${why}. A place is file:///directory or s3://bucket/prefix.`
  return new TidemarkError('ERR_CHECKPOINT_TARGET', message, { details: { to } })
}

/** The place of a part of what is kept there: `to` with more parts of a path. */
export function placeWithin(to: string, parts: readonly string[]): string {
  if (!URL.canParse(to)) return to
  const url = new URL(to)
  url.pathname = [url.pathname.replace(/\/+$/, ''), ...parts.map((part) => encodeURIComponent(part))].join('/')
  return url.href
}
