/**
 * The part of Standard Schema v1 (standardschema.dev) that we use: what zod, valibot and arktype schemas look like from
 * outside.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': StandardProperties<Input, Output>
}

export interface StandardProperties<Input = unknown, Output = Input> {
  readonly version: 1
  readonly vendor: string
  readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
  /** Only there for the compiler. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema takes. */
export type InputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']

/** What a schema gives. */
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/**
 * Options of a serde with a schema: `encode` turns a value back into what the schema takes. It must be given when the
 * schema's output is not its own input, as after a transform.
 */
export type EncodeOptions<S extends StandardSchema> = [OutputOf<S>] extends [InputOf<S>]
  ? [options?: SchemaOptions & { readonly encode?: (value: OutputOf<S>) => InputOf<S> }]
  : [options: SchemaOptions & { readonly encode: (value: OutputOf<S>) => InputOf<S> }]

export interface SchemaOptions {
  /** `both` (default) validates what is written too, so that a wrong value stops where it is made; `read` only reads. */
  readonly validate?: 'both' | 'read'
}

export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || !('~standard' in value))
    return false
  const standard = value['~standard']
  return (
    typeof standard === 'object' &&
    standard !== null &&
    'validate' in standard &&
    typeof standard.validate === 'function'
  )
}
