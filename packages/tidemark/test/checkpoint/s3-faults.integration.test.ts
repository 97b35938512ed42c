import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { after, before, describe, test } from 'node:test'
import type { ObjectStore } from '../../src/checkpoint/object-store.ts'
import { ObjectCheckpointManager } from '../../src/checkpoint/object-manager.ts'
import { systemClock } from '../../src/clock/clock.ts'
import { openStore, s3Url, startS3, NO_S3, temporary } from './s3-support.ts'
import { bytesOf, commit, expectRestores, TASK } from './setting.ts'

/** What a proxy does with a request of which it is asked. */
type Fault =
  /** The server gets it, the client never hears of it. */
  | 'cut after'
  /** The server never gets it. */
  | 'cut before'
  /** The server gets it, and the answer never comes. */
  | 'hang'
  /** The proxy answers with this status. */
  | number

/** A proxy before the server that does something to the next requests that match. */
class Proxy {
  readonly #server: Server
  readonly #target: URL
  readonly #hung: ServerResponse[] = []
  /** Requests that came. */
  seen: string[] = []
  fault: (line: string, nth: number) => Fault | null = () => null

  constructor(target: string) {
    this.#target = new URL(target)
    this.#server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing))
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    assert.ok(typeof address === 'object' && address !== null)
    return `http://127.0.0.1:${address.port}`
  }

  close(): void {
    for (const response of this.#hung) response.destroy()
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const line = `${incoming.method} ${incoming.url}`
    const nth = this.seen.filter((each) => each === line).length + 1
    this.seen.push(line)
    const fault = this.fault(line, nth)
    if (fault === 'cut before') return void incoming.socket.destroy()
    if (typeof fault === 'number') return void outgoing.writeHead(fault).end()
    const { hostname, port } = this.#target
    const onward = request(
      { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        if (fault === 'cut after') {
          answer.resume().on('end', () => incoming.socket.destroy())
        } else if (fault === 'hang') {
          answer.resume()
          this.#hung.push(outgoing)
        } else answer.pipe(outgoing.writeHead(answer.statusCode ?? 500, answer.headers))
      },
    )
    onward.on('error', () => incoming.socket.destroy())
    incoming.pipe(onward)
  }
}

describe('s3 behind a network that fails', { skip: NO_S3 }, () => {
  let proxy: Proxy
  let endpoint = ''
  before(async () => {
    const server = await startS3()
    proxy = new Proxy(server.endpoint)
    endpoint = await proxy.start()
  })
  after(() => proxy.close())

  const store = (prefix: string, options: object = {}): ObjectStore =>
    openStore(s3Url(endpoint, prefix), { requestTimeoutMs: 2000, ...options })
  const manager = (from: ObjectStore): ObjectCheckpointManager =>
    new ObjectCheckpointManager({ store: from, clock: systemClock, random: Math.random })

  for (const fault of ['cut after', 'cut before', 'hang', 500, 503] as const) {
    test(`C4 a write whose answer is lost (${fault}) is found out, not taken for another owner's`, async () => {
      const writer = manager(store(`lost-${fault}`))
      const { epoch } = await writer.claim(TASK)
      proxy.fault = (line, nth) =>
        line.startsWith('PUT') && line.includes('/c-000000000002') && nth === 1 ? fault : null
      await commit(writer, { epoch, previousId: 0 })
      proxy.fault = () => null
      assert.equal((await writer.list(TASK)).length, 1)
      await commit(writer, { epoch, previousId: 1 })
      await expectRestores(writer, 2)
    })
  }

  test('C4 of two owners, one with a lost answer, one is fenced and the other is not', async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b] = [manager(store(`two-${round}`)), manager(store(`two-${round}`))]
      let cut = 0
      proxy.fault = (line) => (line.startsWith('PUT') && line.includes('/c-') && cut++ === round ? 'cut after' : null)
      const results = await Promise.allSettled([a.claim(TASK), b.claim(TASK)])
      const won = results.filter((result) => result.status === 'fulfilled')
      for (const result of results) {
        if (result.status === 'rejected') assert.equal(result.reason.code, 'ERR_CHECKPOINT_FENCED')
      }
      const epochs = won.map((result) => result.value.epoch)
      assert.equal(new Set(epochs).size, epochs.length, 'no epoch has two owners')
      assert.ok(won.length >= 1)
    }
    proxy.fault = () => null
  })

  test('an outcome that stays unknown says so: ERR_OBJECT_STORE_UNKNOWN; list tells what it was', async () => {
    const writer = manager(store('unknown', { attempts: 2, requestTimeoutMs: 300 }))
    const { epoch } = await writer.claim(TASK)
    const record = '/c-000000000002'
    // The write arrives, and nothing is heard of it, nor of what is asked to find out.
    proxy.fault = (line) => (line.includes(record) ? 'hang' : null)
    await assert.rejects(commit(writer, { epoch, previousId: 0 }), { code: 'ERR_OBJECT_STORE_UNKNOWN' })
    proxy.fault = () => null
    assert.deepEqual(
      (await writer.list(TASK)).map(({ id }) => id),
      [1],
    )
    await commit(writer, { epoch, previousId: 1 })
  })

  test('a lost answer of each request of a multipart upload: the file is whole in the end', async () => {
    mkdirSync(temporary('parts'), { recursive: true })
    const path = temporary('parts/file')
    const bytes = Buffer.alloc(12 * 1024 * 1024 + 7, 'tidemark ')
    writeFileSync(path, bytes)
    for (const which of ['uploads', 'partNumber=1', 'partNumber=3', 'POST']) {
      proxy.fault = (line, nth) => {
        const last = which === 'POST' && line.startsWith('POST') && line.includes('uploadId')
        return nth === 1 && (last || line.includes(which)) ? 'cut after' : null
      }
      const place = store(`parts-${which.replace('=', '-')}`, { partBytes: 5 * 1024 * 1024 })
      const written = await place.put('one', { kind: 'file', path, sizeBytes: bytes.length })
      assert.equal(written.sizeBytes, bytes.length)
      assert.ok(bytes.equals((await place.get('one')) ?? assert.fail('it is there')), which)
    }
    proxy.fault = () => null
  })

  test('a server that ignores If-None-Match is refused: ERR_OBJECT_STORE_UNSAFE', async () => {
    proxy.fault = (line) => (line.startsWith('PUT') ? 200 : null)
    await assert.rejects(manager(store('unsafe')).claim(TASK), { code: 'ERR_OBJECT_STORE_UNSAFE' })
    proxy.fault = () => null
    await manager(store('safe')).claim(TASK)
  })

  test('what the error table says is never to be tried again is not', async () => {
    const place = store('refused')
    proxy.seen = []
    proxy.fault = (line) => (line.includes('/refused/') ? 403 : null)
    await assert.rejects(place.put('a', { kind: 'bytes', bytes: bytesOf('a') }), { code: 'ERR_OBJECT_STORE_ACCESS' })
    assert.equal(proxy.seen.filter((line) => line.includes('/refused/')).length, 1)
    proxy.fault = () => null
  })
})
