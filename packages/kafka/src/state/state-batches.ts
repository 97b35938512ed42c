import { BatchEncoder, ByteWriter, DeltaReader, type DeltaVisitor, type StoreDescriptor } from 'tidemark/system'
import { COMMIT_KEY, type CommitRecord, encodeCommit } from './commit-record.ts'
import type { StoreTable } from './store-table.ts'

/** A batch is closed when it has grown to this. */
const BATCH_BYTES = 512 * 1024

/**
 * The records of one commit for the state topic, as batches: an entry for each changed key (its store's id and the key; no
 * value for a deletion), and the commit record as the last.
 */
export class StateBatches implements DeltaVisitor {
  readonly #table: StoreTable
  readonly #timestamp: number
  readonly #encoder = new BatchEncoder(64 * 1024)
  readonly #key = new ByteWriter(256)
  readonly #batches: Uint8Array[] = []
  #id = 0
  #older: readonly number[] = []

  constructor(table: StoreTable, timestamp: number) {
    this.#table = table
    this.#timestamp = timestamp
  }

  /** All records of a commit; `delta` null: nothing but the commit record. */
  static of(
    table: StoreTable,
    timestamp: number,
    task: string,
    delta: { readonly id: number; readonly bytes: Uint8Array } | null,
    commit: Omit<CommitRecord, 'stores'>,
    key: Uint8Array = COMMIT_KEY,
  ): readonly Uint8Array[] {
    const made = new StateBatches(table, timestamp)
    if (delta !== null) new DeltaReader(task, delta).visit(made)
    return made.#finish(encodeCommit({ ...commit, stores: table.stores }), key)
  }

  store(descriptor: StoreDescriptor): void {
    this.#id = this.#table.idOf(descriptor)
    this.#older = this.#table.olderThan(this.#id)
  }

  entry(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    for (const id of this.#older) this.#append(id, bytes, keyStart, keyEnd, -1, 0)
    this.#append(this.#id, bytes, keyStart, keyEnd, valueStart, valueEnd)
  }

  #append(id: number, bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const key = this.#key
    key.reset()
    key.varuint(id)
    key.raw(bytes, keyStart, keyEnd)
    const value = valueStart < 0 ? null : bytes
    this.#encoder.append(this.#timestamp, key.bytes, 0, key.position, value, valueStart, valueEnd, null)
    if (this.#encoder.sizeBytes >= BATCH_BYTES) this.#close()
  }

  #finish(commit: Uint8Array, key: Uint8Array): readonly Uint8Array[] {
    this.#encoder.append(this.#timestamp, key, 0, key.length, commit, 0, commit.length, null)
    this.#close()
    return this.#batches
  }

  #close(): void {
    this.#batches.push(this.#encoder.finish())
    this.#encoder.reset()
  }
}
