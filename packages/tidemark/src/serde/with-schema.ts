import { TidemarkError } from '../errors/error.ts'
import { ByteWriter } from './byte-writer.ts'
import { showValue } from './hex.ts'
import type { Serde } from './serde.ts'
import type {
  EncodeOptions,
  InputOf,
  OutputOf,
  SchemaOptions,
  StandardIssue,
  StandardSchema,
} from './standard-schema.ts'

const SHOWN_ISSUES = 3

/**
 * Puts a Standard Schema over a serde: what is read is decoded and then validated (and transformed) by the schema; what
 * is written is put through `encode`, if given, validated unless `validate: 'read'` says otherwise, and then encoded as
 * it is. Failures throw ERR_SERDE with the first issues; so does a schema that validates asynchronously. Values are
 * `copied` when there is an `encode`, since a schema may then make Dates, Maps or class instances.
 */
export function withSchema<T, S extends StandardSchema>(
  serde: Serde<T>,
  schema: S & (InputOf<S> extends T ? unknown : 'the schema must take what the serde gives'),
  ...options: EncodeOptions<S>
): Serde<OutputOf<S>> {
  return schemaSerde(serde as unknown as Serde<unknown>, schema, options[0])
}

/** SchemaOptions with the types erased. */
export type ErasedOptions = SchemaOptions & { readonly encode?: (value: unknown) => unknown }

export function schemaSerde(
  serde: Serde<unknown>,
  schema: StandardSchema,
  options: ErasedOptions = {},
): Serde<unknown> {
  const { encode, validate = 'both' } = options
  const encoded = (value: unknown): unknown => {
    const plain = encode === undefined ? value : encode(value)
    if (validate === 'both') validated(schema, plain, 'a value to write')
    return plain
  }
  return Object.freeze({
    name: serde.name,
    version: serde.version,
    discipline: encode === undefined ? serde.discipline : 'copied',
    ordered: serde.ordered && encode === undefined,
    ...(serde.prepare === undefined ? {} : { prepare: serde.prepare }),
    write(value: unknown, out: ByteWriter): void {
      serde.write(encoded(value), out)
    },
    check(value: unknown): void {
      const plain = encoded(value)
      if (serde.check === undefined) serde.write(plain, new ByteWriter(64))
      else serde.check(plain)
    },
    read(bytes: Uint8Array, start: number, end: number): unknown {
      return validated(schema, serde.read(bytes, start, end), 'a value that was read')
    },
  })
}

function validated(schema: StandardSchema, value: unknown, what: string): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    // Nobody waits for it: a rejection must not become an unhandled one.
    result.catch(() => undefined)
    throw new TidemarkError('ERR_SERDE', 'the schema validates asynchronously: a serde needs a synchronous one')
  }
  if (result.issues === undefined) return result.value
  const issues = result.issues.slice(0, SHOWN_ISSUES).map(showIssue).join('; ')
  const more = result.issues.length > SHOWN_ISSUES ? ` (and ${result.issues.length - SHOWN_ISSUES} more)` : ''
  throw new TidemarkError('ERR_SERDE', `${what} does not match its schema: ${issues}${more}; it is ${showValue(value)}`)
}

function showIssue(issue: StandardIssue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return `${path === '' ? '' : `${path.slice(0, 100)}: `}${issue.message.slice(0, 200)}`
}
