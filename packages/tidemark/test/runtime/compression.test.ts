import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunOptions } from '../../src/api/app.ts'
import { runSettings } from '../../src/runtime/settings.ts'

function compressionOf(compression: unknown): unknown {
  return runSettings({ compression } as RunOptions, { containers: 1 }).container.compression
}

test('compression of state files: none by default, for all stores or by store, anything else is ERR_OPTION', () => {
  assert.equal(compressionOf(undefined), 'none')
  assert.equal(compressionOf('zstd'), 'zstd')
  const byStore = { stores: { pages: 'zstd' }, other: 'none' }
  assert.deepEqual(compressionOf(byStore), byStore)
  for (const wrong of ['gzip', { stores: { pages: 'lz4' }, other: 'none' }, { stores: {}, other: 'lz4' }]) {
    assert.throws(() => compressionOf(wrong), { code: 'ERR_OPTION', message: /must be none or zstd/ })
  }
})

test('blocks and caches: what is out of bounds is ERR_OPTION', () => {
  const containerOf = (options: RunOptions): object => runSettings(options, { containers: 1 }).container
  assert.ok(!('blockBytes' in containerOf({})), 'the default depends on the compression of each store')
  assert.equal(runSettings({ blockBytes: 65_536 }, { containers: 1 }).container.blockBytes, 65_536)
  assert.throws(() => containerOf({ blockBytes: 512 }), { code: 'ERR_OPTION', message: /blockBytes is 512/ })
  assert.throws(() => containerOf({ cacheBytes: 1000 }), { code: 'ERR_OPTION', message: /cacheBytes is 1000/ })
})
