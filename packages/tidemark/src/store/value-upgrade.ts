import { TidemarkError } from '../errors/error.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { Serde } from '../serde/serde.ts'
import { innerSerde, isListHead, NO_VALUE } from '../serde/stored.ts'
import { previousVersion } from '../serde/upgraded.ts'
import { DEADLINE_BYTES } from './deadline.ts'
import { storedSerde } from './stored-serde.ts'
import type { StoreDescriptor, StoreSpec } from './types.ts'

/** Appends what a store keeps now for the value bytes[start, end) of an older version; deadlines are left out. */
export type ValueUpgrade = (bytes: Uint8Array, start: number, end: number, out: ByteWriter) => void

/**
 * How values of the serde that `written` names become values of the store: null when they are that already, undefined
 * when the store's serde has no such earlier version. Members of sets are in the keys of their entries, which stay.
 */
export function upgradeFrom(spec: StoreSpec, written: StoreDescriptor): ValueUpgrade | null | undefined {
  if (spec.upgradeFrom !== undefined) return spec.upgradeFrom(written)
  const steps: ((old: unknown) => unknown)[] = []
  let serde: Serde<unknown> = innerSerde(spec.value)
  while (serde.name !== written.value || serde.version !== written.valueVersion) {
    const previous = previousVersion(serde)
    if (previous === null || spec.kind === 'set') return undefined
    steps.unshift(previous.upgrade)
    serde = previous.serde
  }
  if (steps.length === 0) return null
  const old = storedSerde(spec.kind, serde)
  return (bytes, start, end, out) => {
    try {
      let value = old.read(bytes, start, end)
      // A key's deletion in a versioned store and the head of a list are the store's own.
      if (value !== NO_VALUE && !isListHead(value)) for (const step of steps) value = stepped(step, value)
      spec.value.write(value, out)
    } catch (cause) {
      throw failed(spec, written, cause)
    }
  }
}

function stepped(step: (old: unknown) => unknown, value: unknown): unknown {
  const next = step(value)
  if (next !== null && next !== undefined) return next
  throw new TypeError(`it returned ${String(next)}`)
}

function failed(spec: StoreSpec, written: StoreDescriptor, cause: unknown): TidemarkError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new TidemarkError(
    'ERR_STORE_UPGRADE',
    `store ${spec.name}: a value of ${written.value} v${written.valueVersion} cannot be upgraded to ${spec.value.name} ` +
      `v${spec.value.version}: ${why}. Nothing is lost: correct the function that upgrades it, and start again`,
    { cause, details: { store: spec.name, from: written.valueVersion, to: spec.value.version } },
  )
}

/** Turns encoded values of one version into those of the store, deadlines kept; one value at a time. */
export class ValueConverter {
  /** The value that was converted last is bytes[0, end). */
  bytes: Uint8Array
  end = 0
  readonly #upgrade: ValueUpgrade
  readonly #prefixBytes: number
  readonly #out = new ByteWriter(256)

  /** `timed`: the store has a TTL. */
  constructor(upgrade: ValueUpgrade, timed: boolean) {
    this.#upgrade = upgrade
    this.#prefixBytes = timed ? DEADLINE_BYTES : 0
    this.bytes = this.#out.bytes
  }

  convert(bytes: Uint8Array, start: number, end: number): void {
    const out = this.#out
    out.reset()
    out.raw(bytes, start, start + this.#prefixBytes)
    this.#upgrade(bytes, start + this.#prefixBytes, end, out)
    this.bytes = out.bytes
    this.end = out.position
  }
}
