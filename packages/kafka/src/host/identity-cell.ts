import type { Identity } from '../produce/stamp.ts'

/*
 * Who a producer is to the coordinator, in memory that threads share: the thread that commits writes it, and whoever claims
 * the producer again, after that thread has died, goes on from it. One number of 64 bits (id, then 16 bits of epoch), so
 * that nobody sees half of it.
 */
const EPOCH_BITS = 16n

export function identityCell(identity: Identity): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)
  writeIdentity(shared, identity)
  return shared
}

export function writeIdentity(shared: SharedArrayBuffer, { producerId, epoch }: Identity): void {
  Atomics.store(new BigInt64Array(shared), 0, (BigInt(producerId) << EPOCH_BITS) | BigInt(epoch))
}

export function readIdentity(shared: SharedArrayBuffer): Identity {
  const both = Atomics.load(new BigInt64Array(shared), 0)
  return { producerId: Number(both >> EPOCH_BITS), epoch: Number(both & ((1n << EPOCH_BITS) - 1n)) }
}
