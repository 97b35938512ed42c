import { CHUNK_BYTES, crcModule, INPUT_AT } from './crc32c-module.ts'
import { crc32cTable, TABLES } from './crc32c-table.ts'

/** Below this the tables win: the module costs a copy and a call (docs/adr/0002-crc32c.md has the measurements). */
const MODULE_FROM_BYTES = 128

interface CrcModule {
  readonly memory: Uint8Array
  readonly run: (lengthBytes: number, seed: number) => number
}

/** What we use of the engine's WebAssembly; TypeScript's own declarations of it come only with those of browsers. */
interface Engine {
  readonly validate: (bytes: Uint8Array) => boolean
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: CrcExports }
}

interface CrcExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly run: CrcModule['run']
}

const MODULE = load((globalThis as { readonly WebAssembly?: Engine }).WebAssembly)

/** Null where the engine has no WebAssembly SIMD (a very old CPU): then the tables do all the work. */
function load(engine: Engine | undefined): CrcModule | null {
  if (engine === undefined) return null
  const bytes = crcModule()
  if (!engine.validate(bytes)) return null
  const { exports } = new engine.Instance(new engine.Module(bytes))
  const memory = new Uint8Array(exports.memory.buffer)
  memory.set(new Uint8Array(TABLES.buffer))
  return { memory, run: exports.run }
}

/**
 * CRC-32C (Castagnoli polynomial, reflected, as in iSCSI and Kafka) of bytes[start, end), as an unsigned 32-bit integer.
 * `seed` is the CRC of the bytes before, so that crc32c(b, m, e, crc32c(b, s, m)) equals crc32c(b, s, e).
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length, seed = 0): number {
  const length = end - start
  if (length < MODULE_FROM_BYTES || MODULE === null) return crc32cTable(bytes, start, end, seed)
  if (length > CHUNK_BYTES) return inChunks(MODULE, bytes, start, end, seed)
  MODULE.memory.set(length === bytes.length ? bytes : bytes.subarray(start, end), INPUT_AT)
  return MODULE.run(length, seed) >>> 0
}

function inChunks(module: CrcModule, bytes: Uint8Array, start: number, end: number, seed: number): number {
  let crc = seed
  let at = start
  for (; end - at >= CHUNK_BYTES; at += CHUNK_BYTES) {
    module.memory.set(bytes.subarray(at, at + CHUNK_BYTES), INPUT_AT)
    crc = module.run(CHUNK_BYTES, crc)
  }
  return crc32c(bytes, at, end, crc)
}
