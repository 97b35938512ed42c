import { WindowKeys } from './window-key.ts'

const HEAD = 0
const MEMBER = 1

/**
 * Makes and takes apart the keys of a store of sets: the user's key as in window keys (zeros escaped, 00 01 at the end),
 * then a byte 0 for the set's head, or a byte 1 and the encoded member. The key is `bytes[0, end)` until the next call.
 */
export class SetKeys {
  readonly #keys: WindowKeys
  bytes: Uint8Array
  end = 0
  /** How much of it all entries of the set start with. */
  keyEnd = 0

  constructor(store: string) {
    this.#keys = new WindowKeys(store, 0)
    this.bytes = this.#keys.bytes
  }

  encodeHead(key: Uint8Array, start: number, end: number): void {
    this.#keys.encodeKey(key, start, end)
    this.bytes = this.#keys.bytes
    this.keyEnd = this.#keys.end
    this.#ensure(1)
    this.backToHead()
  }

  /** The head's key again, of the set whose key was encoded last. */
  backToHead(): void {
    this.bytes[this.keyEnd] = HEAD
    this.end = this.keyEnd + 1
  }

  /** After `encodeHead`: the key of a member. */
  encodeMember(member: Uint8Array, start: number, end: number): void {
    this.#ensure(1 + end - start)
    this.bytes[this.keyEnd] = MEMBER
    this.bytes.set(member.subarray(start, end), this.keyEnd + 1)
    this.end = this.keyEnd + 1 + end - start
  }

  #ensure(more: number): void {
    if (this.keyEnd + more <= this.bytes.length) return
    const grown = new Uint8Array((this.keyEnd + more) * 2)
    grown.set(this.bytes.subarray(0, this.keyEnd))
    this.bytes = grown
  }

  isHead(key: Uint8Array): boolean {
    return key[this.memberStart(key) - 1] === HEAD
  }

  /** Where in an encoded key the member's bytes begin. */
  memberStart(key: Uint8Array): number {
    // The first 00 that no ff follows ends the user's key.
    for (let at = 0; at + 2 < key.length; at++) {
      if (key[at] !== 0) continue
      if (key[at + 1] === 1) return at + 3
      at++
    }
    throw this.#keys.malformed(key)
  }

  /** The user's key bytes, unescaped, of an encoded key. ERR_STATE_CORRUPT if it is not one. */
  userKeyOf(key: Uint8Array): Uint8Array {
    return this.#keys.unescape(key, this.memberStart(key) - 3)
  }
}
