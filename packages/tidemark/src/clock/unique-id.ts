import { randomUUID } from 'node:crypto'

/** A name that no other process makes, for what must be told apart all over the world. Injected as a Clock is. */
export function uniqueId(): string {
  return randomUUID()
}

/** Numbers in [0, 1) of 40 bits each, from names that are unique in the world. */
export function randomFrom(newId: () => string): () => number {
  return () => Number.parseInt(newId().replaceAll('-', '').slice(0, 10), 16) / 2 ** 40
}
