/** What must not be looked into: these are handed out as copies, or cannot be changed. */
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

/**
 * A value as a store hands it out. Plain objects and arrays are frozen to the bottom (mutation throws); dates, bytes,
 * maps and sets are copies of the caller's own.
 */
export type DeepReadonly<T> = T extends Opaque | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
  ? T
  : T extends (...args: never[]) => unknown
    ? T
    : T extends object
      ? { readonly [P in keyof T]: DeepReadonly<T[P]> }
      : T
