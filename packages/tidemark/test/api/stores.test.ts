import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyValueStore, WindowStore } from '../../src/index.ts'
import { KeyValueStore as KeyValueClass } from '../../src/store/kv-store.ts'
import { WindowStore as WindowClass } from '../../src/store/window-store.ts'

interface Order {
  readonly items: readonly string[]
}

// Compiles only while the classes of the state layer are what the API promises to tasks.
const kvOf = (store: KeyValueClass<string, Order>): KeyValueStore<string, Order> => store
const windowsOf = (store: WindowClass<string, Order>): WindowStore<string, Order> => store

test('the stores that tasks get have all methods of the API', () => {
  const kv: readonly (keyof KeyValueStore<string, Order>)[] = ['get', 'getAll', 'has', 'put', 'putAll', 'putIfAbsent']
  const more: readonly (keyof KeyValueStore<string, Order>)[] = [
    'update',
    'delete',
    'deleteAll',
    'range',
    'prefix',
    'entries',
  ]
  for (const name of [...kv, ...more, 'snapshot', 'approximateCount']) assert.ok(name in KeyValueClass.prototype, name)
  const windows: readonly (keyof WindowStore<string, Order>)[] = ['get', 'put', 'delete', 'fetch', 'windowsOf', 'all']
  for (const name of [...windows, 'approximateCount']) assert.ok(name in WindowClass.prototype, name)
  assert.deepEqual([typeof kvOf, typeof windowsOf], ['function', 'function'])
})
