import { type ByteWriter, json, loadPackage, type ResolvePackage, TidemarkError } from 'tidemark/system'
import type { FramedCodec } from './registry-serde.ts'
import type { RegisteredSchema } from './registry-client.ts'

/** A JSON Schema, as text or parsed. */
export type JsonSchema = string | Readonly<Record<string, unknown>> | boolean

/** What is used of the package ajv. */
interface Validate {
  (value: unknown): boolean
  readonly errors?: readonly { readonly instancePath: string; readonly message?: string }[] | null
}
interface Ajv {
  addSchema(schema: unknown, name: string): unknown
  compile(schema: unknown): Validate
}
interface AjvModule {
  readonly default: new (options: object) => Ajv
}

const SHOWN = 3
/** Drafts have modules of their own, by what `$schema` of a schema says. */
const MODULES: readonly (readonly [draft: string, module: string])[] = [
  ['2020-12', 'ajv/dist/2020.js'],
  ['2019-09', 'ajv/dist/2019.js'],
]

/** JSON text, validated by the reader's own schema when it has one, else by the one that a value was written by. */
export class JsonCodec implements FramedCodec {
  readonly type = 'JSON'
  readonly discipline: FramedCodec['discipline']
  readonly readsAlone: boolean
  readonly #json = json() as unknown as AnyJson
  readonly #find: ResolvePackage | undefined
  readonly #own: Validate | null
  readonly #validators = new Map<number, Validate>()

  /** ERR_SERDE_PACKAGE without ajv; ERR_OPTION for a schema that cannot be used. */
  constructor(schema: JsonSchema | null, find?: ResolvePackage) {
    this.#find = find
    this.discipline = this.#json.discipline
    this.readsAlone = schema !== null
    this.#own = schema === null ? null : this.#compile(schema, [], 'ERR_OPTION', 'the JSON Schema')
    if (schema === null) loadAjv('ajv', find)
  }

  write(value: unknown, out: ByteWriter, own: RegisteredSchema): void {
    assertValid(this.#own ?? this.#validatorOf(own), value, `a value to write by JSON Schema ${own.id}`)
    this.#json.write(value, out)
  }

  read(bytes: Uint8Array, start: number, end: number, writer: RegisteredSchema | null): unknown {
    const value = this.#json.read(bytes, start, end)
    const validate = writer === null ? this.#own : this.#validatorOf(writer)
    if (validate !== null) assertValid(validate, value, 'a value that was read')
    return value
  }

  #validatorOf({ id, schema, named }: RegisteredSchema): Validate {
    const known = this.#validators.get(id)
    if (known !== undefined) return known
    const made = this.#compile(schema, named, 'ERR_SERDE', `JSON Schema ${id}`)
    this.#validators.set(id, made)
    return made
  }

  #compile(
    schema: JsonSchema,
    named: RegisteredSchema['named'],
    code: 'ERR_OPTION' | 'ERR_SERDE',
    what: string,
  ): Validate {
    const text = typeof schema === 'string' ? schema : JSON.stringify(schema)
    const module = MODULES.find(([draft]) => text.includes(draft))?.[1] ?? 'ajv'
    const library = loadAjv(module, this.#find)
    try {
      // Schemas of others may have keywords that nobody knows; formats are left to who wants them.
      const ajv = new library.default({ strict: false, validateFormats: false })
      for (const each of named) ajv.addSchema(JSON.parse(each.schema), each.name)
      return ajv.compile(JSON.parse(text))
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.slice(0, 200) : String(cause)
      throw new TidemarkError(code, `${what} cannot be used: ${why}`, { cause })
    }
  }
}

interface AnyJson {
  readonly discipline: FramedCodec['discipline']
  write(value: unknown, out: ByteWriter): void
  read(bytes: Uint8Array, start: number, end: number): unknown
}

/** The package first: what is missing is named by it, not by a module of it. */
function loadAjv(module: string, find: ResolvePackage | undefined): AjvModule {
  const need = { version: '8.20.0', neededBy: 'jsonSchema() needs', code: 'ERR_SERDE_PACKAGE' } as const
  const whole = loadPackage({ ...need, name: 'ajv' }, find)
  return (module === 'ajv' ? whole : loadPackage({ ...need, name: module }, find)) as AjvModule
}

function assertValid(validate: Validate, value: unknown, what: string): void {
  if (validate(value)) return
  const errors = (validate.errors ?? []).slice(0, SHOWN)
  const list = errors.map(({ instancePath, message }) => `${instancePath === '' ? '/' : instancePath} ${message ?? ''}`)
  throw new TidemarkError('ERR_SERDE', `${what} does not fit: ${list.join('; ')}`)
}
