import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemOf } from '../../src/cli/kafka-system.ts'

test('--brokers without the package says how to install it', () => {
  const missing = (): never => {
    throw new Error("Cannot find module '@tidemark/kafka'")
  }
  assert.throws(() => systemOf({ brokers: 'localhost:9092' }, missing), {
    code: 'ERR_KAFKA_PACKAGE',
    message: /npm install @tidemark\/kafka@/,
  })
})

test('--brokers gives the addresses to the package; without it the system is the embedded one', () => {
  const asked: unknown[] = []
  const system = { name: 'kafka' }
  const module = {
    kafka: (options: unknown) => {
      asked.push(options)
      return system
    },
  }
  assert.equal(
    systemOf({ brokers: 'a:1, b:2' }, () => module),
    system,
  )
  systemOf({ brokers: 'a:1', wait: false }, () => module)
  assert.deepEqual(asked, [
    { brokers: ['a:1', 'b:2'], wait: true },
    { brokers: ['a:1'], wait: false },
  ])
  assert.equal(systemOf({}), undefined)
})
