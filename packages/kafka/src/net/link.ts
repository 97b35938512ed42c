import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import type { SASLOptions } from '@platformatic/kafka'
import type { Clock } from 'tidemark/system'
import type { AnswerMemory } from './answer-memory.ts'
import { connectError } from './connect-errors.ts'

export type SaslOptions = Pick<SASLOptions, 'mechanism' | 'username' | 'password' | 'token' | 'oauthBearerExtensions'>

export interface ConnectionOptions {
  readonly clientId: string
  readonly tls?: TlsOptions
  readonly sasl?: SaslOptions
  readonly clock: Clock
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Of large answers; without it each has its own. */
  readonly memory?: AnswerMemory
}

/** So much is read at once, into the same memory again and again: it stays in the CPU's cache, and is no garbage. */
const READ_BYTES = 64 * 1024

/** An open socket to a broker that takes requests: connected, TLS agreed upon, authenticated. */
export interface Link {
  readonly socket: Socket
  /** Who takes what comes, from now on. A chunk may be overwritten as soon as the taker returns. */
  readonly read: (take: (chunk: Buffer) => void) => void
  /** False while it authenticates again: brokers take no other request in between. */
  readonly isReady: () => boolean
  /** Called each time that it is ready again. */
  readonly whenReady: (listener: () => void) => void
  /** Takes what answers the link's own requests, whole, with its size in front. */
  readonly onAnswer: (frame: Buffer) => void
  readonly close: () => void
}

/** Opens a link. Rejects with ERR_KAFKA_CONNECTION (`sent: false`) or ERR_KAFKA_AUTHENTICATION. */
export async function openLink(host: string, port: number, options: ConnectionOptions): Promise<Link> {
  try {
    return options.sasl === undefined ? await openBare(host, port, options) : await openWithSasl(host, port, options)
  } catch (error) {
    throw connectError(`${host}:${port}`, options.sasl?.mechanism ?? null, error)
  }
}

/** SNI has names only (RFC 6066); without one, the certificate is still checked against the address. */
function serverName(host: string, tls: TlsOptions): string | undefined {
  return tls.servername ?? (isIP(host) === 0 ? host : undefined)
}

function namedAs(host: string, tls: TlsOptions): { readonly servername?: string } {
  const servername = serverName(host, tls)
  return servername === undefined ? {} : { servername }
}

/** Without authentication a link is a socket of Node. */
async function openBare(host: string, port: number, options: ConnectionOptions): Promise<Link> {
  const { tls } = options
  let take = (_chunk: Buffer): void => {}
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const callback = (count: number): boolean => {
    take(buffer.subarray(0, count))
    return true
  }
  const place = { host, port, onread: { buffer, callback } }
  const socket = tls === undefined ? connectTcp(place) : connectTls({ ...tls, ...place, ...namedAs(host, tls) })
  socket.setNoDelay(true)
  await connected(socket, tls === undefined ? 'connect' : 'secureConnect', options)
  return {
    socket,
    read: (taker) => void (take = taker),
    isReady: () => true,
    whenReady: () => {},
    onAnswer: () => {
      throw new Error('an answer to a request that nobody made')
    },
    close: () => socket.destroy(),
  }
}

/** Settles when the event has come; gives the socket up after `connectTimeoutMs`, or when it fails. */
async function connected(socket: Socket, event: string, { clock, connectTimeoutMs }: ConnectionOptions): Promise<void> {
  const over = new AbortController()
  const limit = clock.sleep(connectTimeoutMs, over.signal).then(
    () => socket.destroy(new Error(`it took more than ${connectTimeoutMs} ms`)),
    () => {},
  )
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once(event, resolve)
      // It stays: until somebody takes the socket over, an error without a listener would end the process.
      socket.on('error', reject)
      socket.once('close', () => reject(new Error('it was closed while it was opened')))
    })
  } finally {
    over.abort()
    await limit
  }
}

/**
 * SASL is the work of @platformatic/kafka's Connection, which authenticates again by itself when a session ends. It is
 * loaded here only: loading all of that package takes a second of CPU in each thread.
 */
async function openWithSasl(host: string, port: number, options: ConnectionOptions): Promise<Link> {
  const { clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs } = options
  const { Connection } = await import('@platformatic/kafka')
  const connection = new Connection(clientId, {
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    ...(tls === undefined ? {} : { tls, tlsServerName: serverName(host, tls) ?? false }),
    ...(sasl === undefined ? {} : { sasl }),
  })
  // An error that comes when nobody waits for the connection ends it; without a listener it would end the process.
  connection.on('error', () => {})
  await connection.connect(host, port)
  const { socket } = connection
  const listeners = socket.listeners('data') as ((chunk: Buffer) => void)[]
  socket.removeAllListeners('data')
  return {
    socket,
    read: (take) => void socket.on('data', take),
    isReady: () => connection.isConnected(),
    whenReady: (listener) => void connection.on('connect', listener),
    onAnswer: (frame) => {
      for (const listener of listeners) listener(frame)
    },
    close: () => {
      connection.close().catch(() => {})
      socket.destroy()
    },
  }
}
