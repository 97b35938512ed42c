import { randomUUID } from 'node:crypto'

/** A name that no other process makes, for what must be told apart all over the world. Injected as a Clock is. */
export function uniqueId(): string {
  return randomUUID()
}
