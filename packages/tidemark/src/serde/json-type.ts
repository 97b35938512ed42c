/** Why JSON cannot keep a T itself (not its parts), as a sentence; never if it can. */
type Reason<T> = T extends bigint
  ? 'JSON has no bigint: use a string, or int64() for the whole value'
  : T extends symbol
    ? 'JSON has no symbols'
    : T extends (...parameters: never) => unknown
      ? 'JSON cannot keep functions'
      : T extends Date
        ? 'JSON turns a Date into a string: use milliseconds (a number), or json(schema, { encode })'
        : T extends ReadonlyMap<unknown, unknown>
          ? 'JSON loses a Map: use an object or an array of pairs, or json(schema, { encode })'
          : T extends ReadonlySet<unknown>
            ? 'JSON loses a Set: use an array, or json(schema, { encode })'
            : T extends ArrayBufferView | ArrayBufferLike
              ? 'JSON loses bytes: use a base64 string, or bytes() for the whole value'
              : never

type Plain = string | number | boolean | null | undefined

/** T itself if JSON keeps it, else T with a sentence in place of each part that JSON would change or lose. */
export type Jsonable<T> = unknown extends T
  ? T
  : T extends Plain
    ? T
    : [Reason<T>] extends [never]
      ? { [P in keyof T]: Jsonable<T[P]> }
      : Reason<T>

/** The sentences of Jsonable with their paths, five levels deep (types may be recursive). */
export type JsonProblem<T, Path extends string = 'the value', Depth extends readonly unknown[] = []> = T extends Plain
  ? never
  : [Reason<T>] extends [never]
    ? Depth['length'] extends 5
      ? never
      : T extends readonly (infer E)[]
        ? JsonProblem<E, `${Path}[]`, [...Depth, 0]>
        : { [P in keyof T & string]: JsonProblem<T[P], Under<Path, P>, [...Depth, 0]> }[keyof T & string]
    : `${Path}: ${Reason<T>}`

type Under<Path extends string, Name extends string> = Path extends 'the value' ? Name : `${Path}.${Name}`

/**
 * `void` if JSON keeps a T, else the reason. As the type of `this` of a function it makes the compiler print the reason
 * at the call; as a constraint of T itself it would be circular.
 */
export type JsonCheck<T> = [T] extends [Jsonable<T>]
  ? void
  : [JsonProblem<T>] extends [never]
    ? 'this type holds, deep down, something that JSON cannot keep'
    : JsonProblem<T>
