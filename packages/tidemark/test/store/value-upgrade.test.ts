import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from '../../src/serde/byte-writer.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { upgraded } from '../../src/serde/upgraded.ts'
import { describe } from '../../src/store/descriptor.ts'
import { upgradeFrom, type ValueUpgrade } from '../../src/store/value-upgrade.ts'
import { kvSpec } from './harness.ts'

const OLD = uint()
const written = describe(kvSpec('users', string(), OLD))

function encoded(value: number): Uint8Array {
  const out = new ByteWriter(16)
  OLD.write(value, out)
  return out.bytes.slice(0, out.position)
}

function upgradeBy(upgrade: (n: number) => unknown): ValueUpgrade {
  const found = upgradeFrom(kvSpec('users', string(), upgraded(OLD, json() as never, upgrade as never)), written)
  assert.ok(typeof found === 'function', 'the store knows the version')
  return found
}

test('a value of an earlier version becomes one of the store', () => {
  const out = new ByteWriter(16)
  const bytes = encoded(7)
  upgradeBy((n) => ({ n }))(bytes, 0, bytes.length, out)
  assert.equal(new TextDecoder().decode(out.bytes.subarray(0, out.position)), '{"n":7}')
})

test('ERR_STORE_UPGRADE: an upgrade that throws, or gives nothing, names the store and both versions', () => {
  const bytes = encoded(7)
  const failing = [
    () => {
      throw new Error('no such user')
    },
    () => undefined,
    () => null,
  ]
  for (const [i, upgrade] of failing.entries()) {
    assert.throws(() => upgradeBy(upgrade)(bytes, 0, bytes.length, new ByteWriter(16)), {
      code: 'ERR_STORE_UPGRADE',
      message:
        i === 0 ? /store users: a value of uint v\d+ .*no such user/ : /store users: .*returned (undefined|null)/,
    })
  }
})

test('values of this version need no upgrade, and of an unknown one there is none', () => {
  assert.equal(upgradeFrom(kvSpec('users', string(), OLD), written), null)
  assert.equal(upgradeFrom(kvSpec('users', string(), string()), written), undefined)
})
