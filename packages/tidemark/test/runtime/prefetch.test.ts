import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import type { PartitionReader } from '../../src/log/embedded/partition-reader.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import type { OffsetsView } from '../../src/log/types.ts'
import { GuardedStore } from '../../src/runtime/guarded-store.ts'
import { Input } from '../../src/runtime/input.ts'
import type { Origin } from '../../src/runtime/message.ts'
import { CountOperator, foldOf } from '../../src/runtime/operators/aggregate.ts'
import { FanOut, NOTHING } from '../../src/runtime/operators/operator.ts'
import { FilterOperator, RekeyOperator } from '../../src/runtime/operators/stateless.ts'
import { WindowOperator } from '../../src/runtime/operators/window.ts'
import { pendingSpec } from '../../src/runtime/store-specs.ts'
import { KeysAhead } from '../../src/runtime/prefetch.ts'
import { Pulse } from '../../src/runtime/pulse.ts'
import { Row } from '../../src/runtime/row.ts'
import type { Gate } from '../../src/runtime/scope.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import type { KeyBatch, RawStore } from '../../src/store/types.ts'
import { WindowKeys } from '../../src/store/window-key.ts'
import { Harness, kvSpec, windowSpec } from '../store/harness.ts'

const text = string() as unknown as Serde<unknown>
const ORIGIN = { stream: 'clicks', partition: 0, key: text, value: text, onKey: null } as unknown as Origin
const COUNTS = kvSpec('counts', string(), uint())
const WINDOWS = windowSpec('windows', string(), uint(), { windowSizeMs: 10 })
const spent = (): void => undefined
/** The parts of a gate and of a view of offsets that are used here. */
const OPEN = { check: spent } satisfies Partial<Gate> as unknown as Gate
const OFFSETS = { start: () => 0, end: () => 3 } satisfies Partial<OffsetsView> as unknown as OffsetsView

function recordBatch(keys: readonly (string | null)[]): Uint8Array {
  const encoder = new BatchEncoder()
  for (const [i, key] of keys.entries()) {
    const bytes = Buffer.from(key ?? '')
    encoder.append(100 + i * 7, key === null ? null : bytes, 0, bytes.length, null, 0, 0, null)
  }
  return encoder.finish()
}

/** A store with a prefetch that is written down and takes until `settle`. */
class SlowStore extends GuardedStore {
  readonly asked: Uint8Array[][]
  settle: () => void = spent

  constructor(store: RawStore, asked: Uint8Array[][]) {
    super(store, OPEN)
    this.asked = asked
  }

  override get wantsPrefetch(): boolean {
    return true
  }

  override prefetch(keys: KeyBatch): Promise<void> {
    this.asked.push(Array.from({ length: keys.count }, (_, i) => keys.bytes.slice(keys.starts[i], keys.ends[i])))
    return new Promise((resolve) => {
      this.settle = resolve
    })
  }
}

test('the keys of a batch are told to the store through operators that keep them, and to no other', () => {
  const harness = new Harness([COUNTS])
  const asked: Uint8Array[][] = []
  const store = new SlowStore(harness.state.store('counts'), asked)
  const count = new CountOperator(store, spent)
  count.next = NOTHING
  const filter = new FilterOperator('f', () => true)
  filter.next = count
  const rekey = new RekeyOperator('r', () => 'x', text)
  rekey.next = count
  const ahead = new KeysAhead(text, true)
  const cursor = new RecordCursor()
  cursor.reset(recordBatch(['a', null, 'b']))
  assert.ok(cursor.nextBatch())
  ahead.read(cursor)
  assert.deepEqual(ahead.times, [100, 114])
  assert.equal(rekey.wantsPrefetch, false)
  const root = new FanOut([rekey, filter])
  assert.equal(root.wantsPrefetch, true)
  assert.ok(root.prefetch(ahead) instanceof Promise)
  assert.deepEqual(asked, [[Buffer.from('a'), Buffer.from('b')].map((key) => new Uint8Array(key))])
  // Keys of another serde would have other bytes in the store.
  assert.equal(root.prefetch(new KeysAhead(uint() as unknown as Serde<unknown>, true)), null)
  // What has been read ahead is still there for the rows.
  assert.ok(cursor.next())
})

test('a window operator asks for the keys of windows, when it knows the time of the records', () => {
  const harness = new Harness([WINDOWS, pendingSpec('windows')])
  const asked: Uint8Array[][] = []
  const operator = new WindowOperator({
    store: new SlowStore(harness.state.store('windows'), asked),
    pending: harness.state.store('$pending.windows'),
    window: { sizeMs: 10, graceMs: 0 },
    fold: foldOf({ kind: 'count' } as Parameters<typeof foldOf>[0]),
    origin: ORIGIN,
    emits: false,
    dropped: spent,
    late: spent,
    alive: spent,
  } as unknown as ConstructorParameters<typeof WindowOperator>[0])
  const ahead = new KeysAhead(text, true)
  const cursor = new RecordCursor()
  cursor.reset(recordBatch(['a', 'b']))
  cursor.nextBatch()
  ahead.read(cursor)
  assert.ok(operator.prefetch(ahead) instanceof Promise)
  const keys = new WindowKeys('windows', 10)
  const keyOf = (user: string, start: number): Uint8Array => {
    keys.encode(Buffer.from(user), 0, user.length, start, start + 10)
    return keys.bytes.slice(0, keys.end)
  }
  assert.deepEqual(asked, [[keyOf('a', 100), keyOf('b', 100)]])
  assert.equal(operator.prefetch(new KeysAhead(text, false)), null)
})

test('an input takes no record of a batch before its state is there', async () => {
  const harness = new Harness([COUNTS])
  const asked: Uint8Array[][] = []
  const store = new SlowStore(harness.state.store('counts'), asked)
  const root = new CountOperator(store, spent)
  root.next = NOTHING
  const batches = [recordBatch(['a', 'b', 'a'])]
  let waiting: Promise<void> | null = null
  const input = new Input({
    origin: ORIGIN,
    kind: 'source',
    time: null,
    outOfOrderMs: 0,
    reader: {
      seek: spent,
      close: spent,
      read: () => {
        const bytes = batches.shift()
        return bytes === undefined ? null : { bytes }
      },
    } as unknown as PartitionReader,
    offsets: OFFSETS,
    slot: 0,
    root,
    producers: 0,
    restored: null,
    streamId: 0,
    pulse: new Pulse(),
    wait: (promise: Promise<void>) => {
      waiting = promise
    },
  })
  const row = new Row(ORIGIN)
  const process = (): number =>
    input.process(
      row,
      () => 0,
      1,
      () => false,
    )
  assert.equal(process(), 0)
  assert.equal(asked.length, 1)
  assert.equal(harness.state.dirty, false)
  store.settle()
  await (waiting as Promise<void> | null)
  assert.equal(process(), 3)
  const key = Buffer.from('a')
  assert.equal(store.get(key, 0, 1), 2)
})
