import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertEngines, engineChoice } from '../../src/runtime/engine-choice.ts'

const STORES = [{ name: 'visits' }, { name: 'users', engine: 'lmdb' }, { name: 'pages', engine: 'leveldb' }]

test('the engine of a store: what the run says of it, else what it says, else that of the job', () => {
  const settings = { engine: 'rocksdb', storeEngines: { pages: 'memory' } }
  assert.deepEqual(engineChoice(settings, STORES), {
    engine: 'rocksdb',
    stores: { visits: 'rocksdb', users: 'lmdb', pages: 'memory' },
  })
})

test('unknown engines and stores are refused by name, with the nearest', () => {
  assertEngines({ engine: 'lsm', storeEngines: { users: 'rocksdb' } }, STORES)
  assert.throws(() => assertEngines({ engine: 'lms', storeEngines: {} }, STORES), {
    code: 'ERR_ENGINE_UNKNOWN',
    message: /"lms".*"lsm"/,
  })
  assert.throws(() => assertEngines({ engine: 'lsm', storeEngines: {} }, [{ name: 'users', engine: 'lmbd' }]), {
    code: 'ERR_ENGINE_UNKNOWN',
    message: /store users.*"lmbd".*"lmdb"/,
  })
  assert.throws(() => assertEngines({ engine: 'lsm', storeEngines: { user: 'lmdb' } }, STORES), {
    code: 'ERR_UNKNOWN_STORE',
    message: /"user".*"users"/,
  })
})
