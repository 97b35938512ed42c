import { connect } from 'node:net'

/*
 * Whether a broker is ready, by the first request that every client sends: Metadata, version 4 (protocol guide of Apache
 * Kafka, "Metadata API"), without topics. A broker takes connections before it can serve; then it is not in its own list.
 */
const METADATA = 3
const VERSION = 4
const TIMEOUT_MS = 2000

function request(): Buffer {
  const client = Buffer.from('tidemark-services')
  const body = Buffer.alloc(4 + 2 + 2 + 4 + 2 + client.length + 4 + 1)
  let at = body.writeInt32BE(body.length - 4, 0)
  at = body.writeInt16BE(METADATA, at)
  at = body.writeInt16BE(VERSION, at)
  at = body.writeInt32BE(1, at) // correlation id
  at = body.writeInt16BE(client.length, at)
  at += client.copy(body, at)
  at = body.writeInt32BE(0, at) // no topics
  body.writeInt8(0, at) // and none to be created
  return body
}

/** The ids of the brokers that serve, as the broker on a loopback port knows them; null if it does not answer. */
export function servingBrokers(port: number): Promise<number[] | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const chunks: Buffer[] = []
    const settle = (ids: number[] | null): void => {
      socket.destroy()
      resolve(ids)
    }
    socket.setTimeout(TIMEOUT_MS, () => settle(null))
    socket.once('error', () => settle(null)).once('close', () => settle(null))
    socket.once('connect', () => socket.write(request()))
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      if (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) settle(readBrokers(bytes))
    })
  })
}

/** Size, correlation id, throttle time; then the brokers: id, host, port, rack. */
function readBrokers(bytes: Buffer): number[] {
  let at = 4 + 4 + 4
  const count = bytes.readInt32BE(at)
  at += 4
  const ids: number[] = []
  for (let i = 0; i < count; i++) {
    ids.push(bytes.readInt32BE(at))
    at += 4
    at += 2 + bytes.readInt16BE(at)
    at += 4
    at += 2 + Math.max(0, bytes.readInt16BE(at))
  }
  return ids
}
