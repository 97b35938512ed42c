import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { TidemarkError } from '../../src/errors/error.ts'
import { defineJob, type Job, json, run, type Serde, stream, string, upgraded, withSchema } from '../../src/index.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { StreamRead } from '../../src/ops/read-stream.ts'

/** Text that can be read once its first letter was asked for, and written once it was said that it will be. */
class Letters implements Serde<string> {
  readonly name = 'string'
  readonly version = 1
  readonly discipline = 'immutable'
  readonly ordered = true
  readonly asked: string[] = []
  writing = 0
  failing: Error | null = null
  readonly #known = new Map<string, Promise<void> | null>()
  readonly #inner = string()

  readonly prepare = {
    write: async (): Promise<void> => {
      await setImmediate()
      this.writing++
    },
    read: (bytes: Uint8Array, start: number): Promise<void> | null => {
      const letter = String.fromCharCode(bytes[start] ?? 0)
      const known = this.#known.get(letter)
      if (known !== undefined) return known
      this.asked.push(letter)
      const promise = this.#get(letter)
      this.#known.set(letter, promise)
      return promise
    },
  }

  async #get(letter: string): Promise<void> {
    await setImmediate()
    if (this.failing !== null) throw this.failing
    this.#known.set(letter, null)
  }

  write(value: string, out: Parameters<Serde<string>['write']>[1]): void {
    assert.ok(this.writing > 0, 'nothing is written before it was prepared')
    this.#inner.write(value, out)
  }

  read(bytes: Uint8Array, start: number, end: number): string {
    const value = this.#inner.read(bytes, start, end)
    assert.equal(this.#known.get(value[0] ?? ''), null, `${value} was prepared`)
    return value
  }
}

describe('serdes that need something from elsewhere', () => {
  const root = mkdtempSync(join(tmpdir(), 'tidemark-prepare-'))
  after(() => rmSync(root, { recursive: true, force: true }))

  function jobOf(letters: Letters): Job {
    const words = stream('words', { key: string(), value: letters })
    const loud = stream('loud', { key: string(), value: letters })
    return defineJob('words', (flow) =>
      flow
        .from(words)
        .map((word) => `${word}!`)
        .to(loud),
    )
  }

  async function runOver(letters: Letters, name: string, words: readonly string[]): Promise<void> {
    const path = join(root, `${name}.jsonl`)
    writeFileSync(path, words.map((word) => JSON.stringify(word)).join('\n'))
    const inputs = { words: [{ path }] }
    const app = await run(jobOf(letters), {
      dataDir: join(root, name),
      inputs,
      partitions: 2,
      containers: 0,
      maxRestarts: 0,
    })
    await app.done
  }

  it('are prepared before the first write, and for each batch before it is decoded, once for what they need', async () => {
    const letters = new Letters()
    const words = Array.from({ length: 500 }, (_, i) => `${'abcde'[i % 5]}${i}`)
    await runOver(letters, 'well', words)
    assert.deepEqual(letters.asked.toSorted(), ['a', 'b', 'c', 'd', 'e'])
    const data = openDataDir(join(root, 'well'), nodeDisk)
    const values = Array.from(new StreamRead(data, 'loud').read(), ({ value }) => value)
    assert.deepEqual(new Set(values), new Set(words.map((word) => `${word}!`)))
    assert.equal(values.length, words.length)
  })

  it('fail the task when they cannot be had, and nothing that was not prepared is lost', async () => {
    const letters = new Letters()
    letters.failing = new TidemarkError('ERR_REGISTRY_UNREACHABLE', 'away')
    await assert.rejects(runOver(letters, 'away', ['a', 'b']), { code: 'ERR_REGISTRY_UNREACHABLE' })
    await runOver(new Letters(), 'away', ['a', 'b'])
    const data = openDataDir(join(root, 'away'), nodeDisk)
    const values = Array.from(new StreamRead(data, 'loud').read(), ({ value }) => value)
    assert.deepEqual(new Set(values), new Set(['a!', 'b!']))
    assert.equal(values.length, 2)
  })

  it('go on through withSchema and upgraded', () => {
    const letters = new Letters()
    const word = z.string()
    assert.equal(withSchema(letters, word).prepare, letters.prepare)
    assert.equal(upgraded(json<number>(), letters, String).prepare, letters.prepare)
  })
})
