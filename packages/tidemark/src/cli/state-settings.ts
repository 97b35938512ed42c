import type { StateCompression } from '../api/state-compression.ts'
import { readCompression, showCompression } from './compression-text.ts'
import type { SettingSpec } from './settings.ts'
import { parseSize, showSize } from './size-text.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/** How the files of the state are written and merged, and what of them is kept in memory. */
export interface StateSettings {
  readonly stateCompression: StateCompression
  /** Null: by compression. */
  readonly stateBlockBytes: number | null
  readonly stateCacheBytes: number
  readonly stateFlushBytes: number
  readonly stateMaxValueBytes: number
  /** 0: no limit. */
  readonly stateMergeBytesPerSecond: number
}

/** A size in bytes within bounds, both included. */
export function size(least: number, most: number): Pick<SettingSpec, 'takes' | 'read' | 'show'> {
  return {
    takes: `a size from ${showSize(least)} to ${showSize(most)} such as 512KiB or 16MiB, or a number of bytes`,
    read: (raw) => {
      const bytes = parseSize(raw)
      return bytes !== undefined && bytes >= least && bytes <= most ? bytes : undefined
    },
    show: (value) => (typeof value === 'number' ? showSize(value) : 'automatic'),
  }
}

const rate = size(MIB, 1024 * GIB)

export const STATE_SETTINGS: readonly SettingSpec[] = [
  {
    key: 'stateCompression',
    name: 'state.compression',
    variable: 'TIDEMARK_STATE_COMPRESSION',
    flag: '--state-compression',
    argument: '<codec>',
    about: 'how new state files are stored: none, zstd, or by store as pages=zstd,ids=none',
    fallback: 'none',
    takes: 'none, zstd, or store=codec with commas between, where a codec alone is for all other stores',
    read: readCompression,
    show: (value) => showCompression(value as StateCompression),
  },
  {
    key: 'stateBlockBytes',
    name: 'state.blockSize',
    variable: 'TIDEMARK_STATE_BLOCK_SIZE',
    flag: '--state-block-size',
    argument: '<size>',
    about: 'of the blocks of new state files, before compression (4KiB, with zstd 16KiB)',
    fallback: null,
    ...size(KIB, 256 * KIB),
  },
  {
    key: 'stateCacheBytes',
    name: 'state.cacheSize',
    variable: 'TIDEMARK_STATE_CACHE_SIZE',
    flag: '--state-cache-size',
    argument: '<size>',
    about: "of each container's caches: half for values, half for blocks of files",
    fallback: 128 * MIB,
    ...size(MIB, 1024 * GIB),
  },
  {
    key: 'stateFlushBytes',
    name: 'state.flushSize',
    variable: 'TIDEMARK_STATE_FLUSH_SIZE',
    flag: '--state-flush-size',
    argument: '<size>',
    about: 'committed changes that a task holds in memory before it writes a file',
    fallback: 16 * MIB,
    ...size(1, GIB),
  },
  {
    key: 'stateMaxValueBytes',
    name: 'state.maxValueSize',
    variable: 'TIDEMARK_STATE_MAX_VALUE_SIZE',
    flag: '--state-max-value-size',
    argument: '<size>',
    about: 'the largest value of a store; a larger one is ERR_VALUE_TOO_LARGE at its put',
    fallback: 16 * MIB,
    ...size(1, 256 * MIB),
  },
  {
    key: 'stateMergeBytesPerSecond',
    name: 'state.mergeRate',
    variable: 'TIDEMARK_STATE_MERGE_RATE',
    flag: '--state-merge-rate',
    argument: '<size>',
    about: 'what merges of state files may write per second, all tasks together; none: no limit',
    fallback: 128 * MIB,
    takes: `none, or ${rate.takes}`,
    read: (raw) => (raw === 'none' ? 0 : rate.read(raw)),
    show: (value) => (value === 0 ? 'none' : `${rate.show(value)}/s`),
  },
]
