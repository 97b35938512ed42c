/** Values that are not looked into: they cannot be changed, or are handed out as copies. */
type Opaque =
  | string
  | number
  | bigint
  | boolean
  | symbol
  | null
  | undefined
  | Date
  | RegExp
  | ArrayBufferView
  | ArrayBuffer
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ((...parameters: never[]) => unknown)

/**
 * A value as messages and stores hand it out: its objects and arrays are read-only to the bottom (those of a store are
 * frozen: changing them throws). Dates, bytes, maps and sets are left as they are, being copies.
 */
export type DeepReadonly<T> = T extends Opaque
  ? T
  : T extends object
    ? { readonly [P in keyof T]: DeepReadonly<T[P]> }
    : T
