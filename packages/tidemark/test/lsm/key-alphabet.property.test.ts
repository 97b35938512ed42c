import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KeyAlphabet } from '../../src/lsm/key-alphabet.ts'

const byte = fc.oneof(fc.constantFrom(0, 1, 255), fc.nat(255))
const key = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.array(byte, { maxLength: 4 }).map((bytes) => Uint8Array.from(bytes)),
  fc.nat(10_000_000).map((n) => Buffer.from(String(n).padStart(9, '0'))),
)

test('numbers of keys are in the order of their bytes, and the same for the same keys alone where it says so', () => {
  fc.assert(
    fc.property(fc.array(key, { minLength: 1, maxLength: 60, size: 'max' }), (keys) => {
      const alphabet = new KeyAlphabet()
      for (const each of keys) alphabet.see(each, 0, each.length)
      alphabet.close()
      for (const a of keys) {
        const number = alphabet.number(a, 0, a.length)
        assert.ok(Number.isInteger(number) && number >= 0 && number <= alphabet.most && alphabet.most < 2 ** 32)
        for (const b of keys) {
          const order = Buffer.compare(a, b)
          const numbers = number - alphabet.number(b, 0, b.length)
          if (numbers !== 0) assert.equal(Math.sign(numbers), order)
          else if (alphabet.isWhole) assert.equal(order, 0)
          else if (order !== 0) {
            const behind = alphabet.positions
            assert.equal(Buffer.compare(a.subarray(0, behind), b.subarray(0, behind)), 0)
          }
        }
      }
    }),
  )
})

test('nine decimal digits are one number', () => {
  const alphabet = new KeyAlphabet()
  const keys = Array.from({ length: 1000 }, (_, n) => Buffer.from(`user-${String(n * 999_983).padStart(9, '0')}`))
  for (const each of keys) alphabet.see(each, 0, each.length)
  alphabet.close()
  assert.deepEqual([alphabet.isWhole, alphabet.positions], [true, 14])
})
