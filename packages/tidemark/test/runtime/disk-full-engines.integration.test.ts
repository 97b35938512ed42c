import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { json, openStore, string } from '../../src/index.ts'
import { applyRound, modelOf, type Value } from '../open-store/fixtures/rounds.ts'
import type { Results } from './fixtures/crash-harness.ts'
import {
  cleanUp,
  enlarge,
  finish,
  mount,
  options,
  resultsOf,
  root,
  stopsAndGoesOn,
  whyNoMount,
} from './fixtures-full/small-places.ts'

after(cleanUp)

describe('ERR_DISK_FULL: engines and stores alone on a full disk (C1, C6)', { skip: whyNoMount() }, () => {
  let whole: Results

  before(async () => {
    await finish(options('whole'))
    whole = await resultsOf('whole')
  })

  for (const [engine, size] of [
    ['rocksdb', '400k'],
    ['leveldb', '400k'],
    ['lmdb', '400k'],
  ] as const) {
    it(`a run whose state is in ${engine}`, () => stopsAndGoesOn(whole, engine, 'state', size, { engine }))
  }

  for (const engine of ['lsm', 'rocksdb', 'leveldb', 'lmdb']) {
    it(`openStore on ${engine}: a checkpoint that found no room is made once there is, by this process or the next`, async () => {
      const dir = join(root, `alone-${engine}`)
      mount(dir, '1500k')
      const open = (): ReturnType<typeof openStore<string, Value>> =>
        openStore<string, Value>({
          name: 'rounds',
          dir,
          engine,
          key: string(),
          value: json<Value>(),
          recentMaxBytes: 50_000,
        })
      let store = await open()
      let round = 0
      let failure: unknown = null
      while (failure === null && round < 5000) {
        applyRound(store, ++round)
        failure = await store.checkpoint().then(
          () => null,
          (error: unknown) => error,
        )
      }
      assert.equal((failure as { code?: string } | null)?.code, 'ERR_DISK_FULL', String(failure))
      enlarge(dir)
      const again = await store.checkpoint().then(
        () => null,
        (error: unknown) => error,
      )
      if (again !== null) {
        // An engine that is not written again until it is opened again.
        assert.equal((again as { code?: string }).code, 'ERR_DISK_FULL')
        await store.close().catch(() => {})
        store = await open()
        const durable = store.get('#round')?.round ?? 0
        assert.ok(durable === round || durable === round - 1, `round ${durable} of ${round}`)
        for (let next = durable + 1; next <= round; next++) applyRound(store, next)
      }
      applyRound(store, ++round)
      await store.checkpoint()
      await store.close()
      const last = await open()
      assert.deepEqual(new Map([...last.entries()].map(({ key, value }) => [key, value])), modelOf(round))
      await last.close()
    })
  }
})
