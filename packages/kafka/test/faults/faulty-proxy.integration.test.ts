import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FaultyProxy } from './faulty-proxy.ts'

const closing: (() => unknown)[] = []
after(async () => {
  for (const close of closing) await close()
})

/** A proxy before a server that sends back what it gets, and counts connections. */
async function start(seed = 1): Promise<{ readonly proxy: FaultyProxy; readonly sockets: Socket[] }> {
  const sockets: Socket[] = []
  const echo: Server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  const proxy = await FaultyProxy.start(seed)
  const address = echo.address()
  proxy.target = typeof address === 'object' && address !== null ? address.port : 0
  closing.push(
    () => proxy.stop(),
    () => echo.close(),
  )
  return { proxy, sockets }
}

interface Client {
  readonly socket: Socket
  readonly received: () => Buffer
  /** How the connection ended. */
  readonly ended: Promise<string>
}

function open(proxy: FaultyProxy): Client {
  const socket = connect({ host: '127.0.0.1', port: proxy.port })
  closing.push(() => socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = new Promise<string>((resolve) => {
    socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message))
    socket.once('end', () => resolve('end'))
  })
  return { socket, received: () => Buffer.concat(chunks), ended }
}

async function until(what: () => boolean, limitMs = 5000): Promise<void> {
  const end = performance.now() + limitMs
  while (!what()) {
    assert.ok(performance.now() < end, `not within ${limitMs} ms: ${what.toString()}`)
    await sleep(5)
  }
}

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 31 + (at >> 8)) & 255))

describe('the faulty proxy', () => {
  it('passes bytes on both ways, and the end of each side', async () => {
    const { proxy } = await start()
    const client = open(proxy)
    client.socket.end(BYTES)
    assert.equal(await client.ended, 'end')
    assert.ok(client.received().equals(BYTES))
    await until(() => proxy.open === 0)
    assert.deepEqual([proxy.connections, proxy.cuts], [1, 0])
  })

  it('delays bytes and keeps their order, up to the last before the end', async () => {
    const { proxy } = await start()
    proxy.delay(60, 60)
    const client = open(proxy)
    const from = performance.now()
    for (let at = 0; at < BYTES.length; at += 10_000) client.socket.write(BYTES.subarray(at, at + 10_000))
    client.socket.end()
    await client.ended
    assert.ok(performance.now() - from >= 120, 'twice 60 ms')
    assert.ok(client.received().equals(BYTES))
  })

  it('throttles', async () => {
    const { proxy } = await start()
    proxy.throttle(1_000_000)
    const client = open(proxy)
    const from = performance.now()
    client.socket.end(BYTES)
    await client.ended
    const ms = performance.now() - from
    assert.ok(ms >= 280 && ms < 3000, `300 kB at 1 MB a second: ${ms} ms`)
    assert.ok(client.received().equals(BYTES))
  })

  it('cuts all connections, on both sides, and takes new ones', async () => {
    const { proxy, sockets } = await start()
    const clients = [open(proxy), open(proxy)]
    await until(() => sockets.length === 2)
    const gone = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    assert.equal(proxy.cut(), 2)
    assert.deepEqual(await Promise.all(clients.map(({ ended }) => ended)), ['ECONNRESET', 'ECONNRESET'])
    await Promise.all(gone)
    const next = open(proxy)
    next.socket.end('again')
    assert.equal(await next.ended, 'end')
    assert.equal(next.received().toString(), 'again')
  })

  it('cuts some connections by chance', async () => {
    const { proxy, sockets } = await start(3)
    const clients = Array.from({ length: 20 }, () => open(proxy))
    await until(() => sockets.length === 20)
    const cut = proxy.cut(0.5)
    assert.ok(cut > 3 && cut < 17, `${cut} of 20`)
    await until(() => clients.filter(({ socket }) => socket.destroyed).length === cut)
    assert.deepEqual([proxy.open, proxy.cuts], [20 - cut, cut])
  })

  it('cuts each connection after so many bytes: the same with the same seed', async () => {
    const lives = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const { proxy, sockets } = await start(seed)
        proxy.cutAfter(50_000)
        const passed: number[] = []
        for (let i = 0; i < 3; i++) {
          const client = open(proxy)
          await until(() => sockets.length === i + 1)
          // It takes all and answers nothing, so that only one direction counts.
          sockets[i]?.unpipe().resume()
          for (let sent = 0; sent < 10; sent++) client.socket.write(BYTES)
          await client.ended
          passed.push(proxy.passedBytes)
        }
        assert.equal(proxy.cuts, 3)
        return passed
      }),
    )
    assert.deepEqual(lives[0], lives[1])
    assert.notDeepEqual(lives[0], lives[2])
  })

  it('swallows: connections stay open and silent for ever, new ones work afterwards', async () => {
    const { proxy } = await start()
    const client = open(proxy)
    client.socket.write('before')
    await until(() => client.received().toString() === 'before')
    proxy.swallow(true)
    client.socket.write('lost')
    proxy.swallow(false)
    client.socket.write('lost too')
    const next = open(proxy)
    next.socket.write('after')
    await until(() => next.received().toString() === 'after')
    assert.equal(client.received().toString(), 'before')
    assert.equal(await Promise.race([client.ended, sleep(50, 'open')]), 'open')
  })

  it('refuses connections, while open ones go on, and takes them again on its port', async () => {
    const { proxy } = await start()
    const client = open(proxy)
    client.socket.write('a')
    await until(() => client.received().length === 1)
    await proxy.refuse(true)
    assert.equal(await open(proxy).ended, 'ECONNREFUSED')
    client.socket.write('b')
    await until(() => client.received().length === 2)
    await proxy.heal()
    const next = open(proxy)
    next.socket.write('c')
    await until(() => next.received().length === 1)
  })
})
