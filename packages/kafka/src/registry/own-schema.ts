import { TidemarkError } from 'tidemark/system'
import type { KnownSchemas } from './known-schemas.ts'
import type { RegisteredSchema, RegistryClient, SchemaText } from './registry-client.ts'

/** The registry as the serdes of one thread share it. */
export interface RegistryAccess {
  readonly client: RegistryClient
  readonly known: KnownSchemas
}

export interface OwnSchemaOptions {
  readonly subject: string
  /** Null: the newest of the subject. */
  readonly text: SchemaText | null
  /** False: it must be there already. */
  readonly register: boolean
}

/** The schema that a serde writes by: registered, or looked up, once. */
export class OwnSchema {
  readonly #access: RegistryAccess
  readonly #options: OwnSchemaOptions
  #asked: Promise<void> | null = null
  #schema: RegisteredSchema | null = null

  constructor(access: RegistryAccess, options: OwnSchemaOptions) {
    this.#access = access
    this.#options = options
  }

  get subject(): string {
    return this.#options.subject
  }

  /** ERR_REGISTRY_UNREACHABLE, ERR_REGISTRY_REFUSED. After a failure the next call asks again. */
  ready(): Promise<void> {
    this.#asked ??= this.#ask().catch((error: unknown) => {
      this.#asked = null
      throw error
    })
    return this.#asked
  }

  /** ERR_SERDE before `ready`. */
  get schema(): RegisteredSchema {
    if (this.#schema !== null) return this.#schema
    throw new TidemarkError(
      'ERR_SERDE',
      `a value of subject ${this.subject} is written before its schema is known: serdes of a schema registry work in the streams of a run`,
    )
  }

  async #ask(): Promise<void> {
    const { client, known } = this.#access
    const { subject, text, register } = this.#options
    if (text === null) this.#schema = await client.latest(subject)
    else {
      const id = await (register ? client.register(subject, text) : client.find(subject, text))
      this.#schema = { ...text, id, named: [] }
    }
    known.add(this.#schema)
  }
}
