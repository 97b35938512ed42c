import type { StateCompression } from '../api/state-compression.ts'

type Codec = 'none' | 'zstd'

function isCodec(raw: unknown): raw is Codec {
  return raw === 'none' || raw === 'zstd'
}

/**
 * `none` or `zstd` for all stores, or by store: `pages=zstd,ids=none`, where a name alone (`zstd,ids=none`) is for those
 * that are not named, none by default. An object of the configuration file is as `run` takes it. Undefined for anything else.
 */
export function readCompression(raw: unknown): StateCompression | undefined {
  if (isCodec(raw)) return raw
  if (typeof raw === 'string') return fromText(raw)
  if (typeof raw !== 'object' || raw === null || !('stores' in raw)) return undefined
  const other = 'other' in raw ? raw.other : 'none'
  const { stores } = raw
  if (!isCodec(other) || typeof stores !== 'object' || stores === null) return undefined
  const entries = Object.entries(stores as Record<string, unknown>)
  const named: Record<string, Codec> = {}
  for (const [store, codec] of entries) {
    if (!isCodec(codec)) return undefined
    named[store] = codec
  }
  return { stores: named, other }
}

function fromText(text: string): StateCompression | undefined {
  const stores: Record<string, Codec> = {}
  let other: Codec | null = null
  for (const part of text.split(',').map((each) => each.trim())) {
    const equals = part.indexOf('=')
    const codec = part.slice(equals + 1).trim()
    const store = part.slice(0, Math.max(0, equals)).trim()
    if (!isCodec(codec) || (equals >= 0 && store === '') || (equals < 0 && other !== null)) return undefined
    if (equals < 0) other = codec
    else stores[store] = codec
  }
  return { stores, other: other ?? 'none' }
}

export function showCompression(compression: StateCompression): string {
  if (typeof compression === 'string') return compression
  const { stores, other } = compression
  return [other, ...Object.entries(stores).map(([store, codec]) => `${store}=${codec}`)].join(',')
}
