import type { RemoteTableDef } from '../api/remote-table.ts'
import { TidemarkError } from '../errors/error.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { deepFreeze } from '../serde/deep-freeze.ts'

/**
 * Values of a remote table between handlers, cache and calls, by the discipline of their serde, as in stores: a call may
 * send a value later than `put` was given it, and a cache hands one value to many, so that nobody may change it meanwhile.
 */
export class RemoteValues {
  readonly #table: RemoteTableDef<unknown, unknown>
  readonly #writer = new ByteWriter(128)

  constructor(table: RemoteTableDef<unknown, unknown>) {
    this.#table = table
  }

  /** Takes in what a handler or the table gave: frozen, or a copy. ERR_SERDE for what the serde cannot hold. */
  admit(value: unknown): unknown {
    const serde = this.#table.value
    try {
      if (serde.discipline === 'copied') return this.#copy(value)
      if (serde.check === undefined) this.#encode(value)
      else serde.check(value)
      if (serde.discipline === 'frozen' && typeof value === 'object' && value !== null) deepFreeze(value)
      return value
    } catch (error) {
      throw this.#named(error)
    }
  }

  /** What is handed out for what `admit` returned. */
  expose(kept: unknown): unknown {
    return kept === undefined || this.#table.value.discipline !== 'copied' ? kept : this.#copy(kept)
  }

  /** How many bytes a value takes that `admit` returned. */
  sizeOf(kept: unknown): number {
    return this.#encode(kept)
  }

  #encode(value: unknown): number {
    this.#writer.reset()
    this.#table.value.write(value, this.#writer)
    return this.#writer.position
  }

  #copy(value: unknown): unknown {
    const size = this.#encode(value)
    return this.#table.value.read(this.#writer.copy(), 0, size)
  }

  #named(error: unknown): unknown {
    if (!(error instanceof TidemarkError)) return error
    const { name } = this.#table
    return new TidemarkError(error.code, `table ${name}: ${error.message}`, { cause: error, details: { table: name } })
  }
}
