import { type Clock, isTidemarkError, type TidemarkError } from 'tidemark/system'
import type { RegisteredSchema, RegistryClient } from './registry-client.ts'

type Entry =
  | { readonly kind: 'asked'; readonly promise: Promise<void> }
  | { readonly kind: 'known'; readonly schema: RegisteredSchema }
  | { readonly kind: 'refused'; readonly error: TidemarkError; readonly atMs: number }

/** An id that the registry did not know is asked for again after this time. */
const AGAIN_MS = 10_000

/** The schemas of ids that have been met: asked for before values are decoded, and then at hand. */
export class KnownSchemas {
  readonly #client: Pick<RegistryClient, 'byId'>
  readonly #clock: Clock
  readonly #entries = new Map<number, Entry>()

  constructor(client: Pick<RegistryClient, 'byId'>, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** Null: the id is settled, one way or the other. Rejects with ERR_REGISTRY_UNREACHABLE. */
  wanted(id: number): Promise<void> | null {
    const entry = this.#entries.get(id)
    if (entry?.kind === 'known') return null
    if (entry?.kind === 'asked') return entry.promise
    if (entry?.kind === 'refused' && this.#clock.monotonicMs() - entry.atMs < AGAIN_MS) return null
    const promise = this.#ask(id)
    this.#entries.set(id, { kind: 'asked', promise })
    return promise
  }

  /** The schema; an error that says why there is none; null when nobody has asked for it. */
  get(id: number): RegisteredSchema | TidemarkError | null {
    const entry = this.#entries.get(id)
    if (entry?.kind === 'known') return entry.schema
    return entry?.kind === 'refused' ? entry.error : null
  }

  add(schema: RegisteredSchema): void {
    this.#entries.set(schema.id, { kind: 'known', schema })
  }

  async #ask(id: number): Promise<void> {
    try {
      this.add(await this.#client.byId(id))
    } catch (error) {
      if (isTidemarkError(error, 'ERR_REGISTRY_REFUSED')) {
        this.#entries.set(id, { kind: 'refused', error, atMs: this.#clock.monotonicMs() })
        return
      }
      this.#entries.delete(id)
      throw error
    }
  }
}
