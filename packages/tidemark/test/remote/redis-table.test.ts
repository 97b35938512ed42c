import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TidemarkError } from '../../src/errors/error.ts'
import { loadRedis } from '../../src/remote/redis/load-redis.ts'
import { redisTable } from '../../src/remote/redis/redis-table.ts'
import { string } from '../../src/serde/string.ts'

const base = { key: string(), value: string() }

test('without the package the error has the command that installs it', () => {
  const missing = (): unknown => {
    throw new Error("Cannot find module '@redis/client'\nRequire stack: ...")
  }
  assert.throws(
    () => loadRedis(missing),
    (error: TidemarkError) => {
      assert.equal(error.code, 'ERR_REMOTE_PACKAGE')
      assert.match(error.message, /npm install @redis\/client@\d+\.\d+\.\d+$/)
      assert.ok(!error.message.includes('Require stack'))
      return true
    },
  )
})

test('a definition connects to nothing, and shows no password', () => {
  const table = redisTable('users', { ...base, url: 'rediss://ada:secret@redis.example:6380/3' })
  assert.equal(table.place, 'redis://redis.example:6380/3')
  assert.equal(table.writable, true)
  assert.equal(table.policy.retry.attempts, 12)
  assert.ok(!JSON.stringify(table).includes('secret'))
  assert.equal(redisTable('users', { ...base, url: 'redis://a', retry: { attempts: 2 } }).policy.retry.attempts, 2)
})

test('a wrong url or ttl is refused, without showing what may be a password', () => {
  for (const url of ['ada:secret@redis', 'http://ada:secret@redis', 'redis://', '']) {
    assert.throws(
      () => redisTable('users', { ...base, url }),
      (error: TidemarkError) => error.code === 'ERR_OPTION' && !error.message.includes('secret'),
    )
  }
  assert.throws(() => redisTable('users', { ...base, url: undefined as never }), { code: 'ERR_OPTION' })
  assert.throws(() => redisTable('users', { ...base, url: 'redis://a', ttl: 0 }), { code: 'ERR_DURATION' })
})
