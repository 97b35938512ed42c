import type { Disk } from '../disk/disk.ts'
import { nodeProcesses } from '../disk/process-table.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import type { Base } from '../store/types.ts'
import type { OpenBaseOptions } from './registry.ts'
import { closing } from './closing.ts'
import { EngineThread } from './engine-thread.ts'
import { EmptyBase } from './empty-base.ts'
import { NativeBase } from './native-base.ts'
import { nativeEngine } from './native-engines.ts'
import { nativeError } from './native-error.ts'
import type { NativeEngine, NativeEngineName } from './native.ts'
import { copyForReading, removeCopy, removeDeadCopies } from './reader-copy.ts'

const DEFAULT_CACHE_BYTES = 32 * 1024 * 1024
const READER_ATTEMPTS = 5

/**
 * Opens a base on a native package, in the directory of the operating system that the options name. See `openEngine` for
 * the errors.
 */
export async function openNative(name: NativeEngineName, options: OpenBaseOptions): Promise<Base> {
  const { disk, directory } = options
  const engine = nativeEngine(name)
  if (disk.host === undefined) {
    throw new TidemarkError(
      'ERR_ENGINE_DISK',
      `the engine ${name} opens files of the operating system, and ${directory} is on a simulated disk. ` +
        'Use lsm or memory there',
      { details: { engine: name, path: directory } },
    )
  }
  if (options.checkpoint !== undefined) {
    throw new TidemarkError(
      'ERR_CHECKPOINT_ENGINE',
      `the engine ${name} keeps the newest state only, no checkpoint ${options.checkpoint}: what a job has kept is in the shadow beside it`,
      { details: { engine: name, path: directory, checkpoint: options.checkpoint } },
    )
  }
  await closing.get(directory)
  engine.check?.(disk, directory)
  if (options.readOnly !== true) return openOwner(engine, options)
  if (!disk.exists(`${directory}/${engine.currentFile}`)) return new EmptyBase()
  if (engine.readers === 'shared') return openShared(engine, options)
  return openCopy(engine, options, disk.host.removeDirectory)
}

async function openOwner(engine: NativeEngine, options: OpenBaseOptions): Promise<NativeBase> {
  const { disk, directory } = options
  makeDurable(disk, directory)
  const removeDirectory = disk.host?.removeDirectory
  if (removeDirectory !== undefined) {
    removeDeadCopies(disk, parentOf(directory), (pid) => nodeProcesses.identity(pid) !== null, removeDirectory)
  }
  return openDatabase(engine, options, directory, () => Promise.resolve())
}

/** The directory's own name, and its parent's, have to survive a loss of power too. */
function makeDurable(disk: Disk, directory: string): void {
  if (disk.exists(directory)) return
  disk.makeDirectory(directory)
  disk.syncDirectory(parentOf(directory))
  disk.syncDirectory(parentOf(parentOf(directory)))
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash > 0 ? path.slice(0, slash) : '.'
}

async function openDatabase(
  engine: NativeEngine,
  options: OpenBaseOptions,
  location: string,
  afterClose: () => Promise<void>,
): Promise<NativeBase> {
  const { name } = engine
  const thread = EngineThread.of(name)
  try {
    const cacheBytes = options.cacheBytes ?? DEFAULT_CACHE_BYTES
    const { database, attachment } = await engine.open({ location, cacheBytes, readOnly: false }, thread)
    try {
      await thread.ask({ op: 'attach', location, attachment })
      const failpoint = options.failpoint ?? null
      const readOnly = options.readOnly === true
      const freeBytes = (): number => options.disk.host?.freeBytes(location) ?? Number.POSITIVE_INFINITY
      const { sealed } = engine
      const base = { engine: name, location, sealed, database, thread, readOnly, failpoint, freeBytes, afterClose }
      return track(location, new NativeBase(base))
    } catch (error) {
      await thread.ask({ op: 'detach', location }).catch(() => {})
      await database.close()
      throw error
    }
  } catch (error) {
    await afterClose()
    throw nativeError(name, 'open', location, error)
  }
}

async function openShared(engine: NativeEngine, options: OpenBaseOptions): Promise<NativeBase> {
  const { name } = engine
  const location = options.directory
  const thread = EngineThread.of(name)
  try {
    const { database } = await engine.open({ location, cacheBytes: 0, readOnly: true }, thread)
    return new NativeBase({
      engine: name,
      location,
      sealed: engine.sealed,
      database,
      thread: null,
      readOnly: true,
      failpoint: null,
      freeBytes: () => Number.POSITIVE_INFINITY,
      afterClose: () => Promise.resolve(),
    })
  } catch (error) {
    throw nativeError(name, 'open', location, error)
  }
}

async function openCopy(
  engine: NativeEngine,
  options: OpenBaseOptions,
  removeDirectory: (path: string) => void,
): Promise<Base> {
  const { disk, directory } = options
  for (let attempt = 1; ; attempt++) {
    const copy = copyForReading(disk, engine, directory, parentOf(directory), removeDirectory)
    const remove = (): Promise<void> => Promise.resolve(removeCopy(disk, copy, removeDirectory))
    try {
      return await openDatabase(engine, options, copy, remove)
    } catch (error) {
      if (!isTableGone(error)) throw error
      if (attempt === READER_ATTEMPTS) {
        throw new TidemarkError('ERR_FILE_NOT_FOUND', `${directory} was rewritten by its owner while it was read`, {
          cause: error,
          details: { path: directory },
        })
      }
    }
  }
}

/** The owner removed a table between our look at its manifest and our link. */
function isTableGone(error: unknown): boolean {
  return isTidemarkError(error) && /no such file|missing files/i.test(error.message)
}

function track(location: string, base: NativeBase): NativeBase {
  base.onClosing = (closed) => {
    const settled = free(location, closed)
    closing.set(location, settled)
    // Told to whoever opens the directory again.
    settled.catch(() => {})
  }
  return base
}

async function free(location: string, closed: Promise<void>): Promise<void> {
  try {
    await closed
  } finally {
    closing.delete(location)
  }
}
