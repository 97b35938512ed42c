import { createServer, type Server, type Socket } from 'node:net'
import { Frames } from '../../src/net/frames.ts'
import { WireReader } from '../../src/wire/wire-reader.ts'
import { WireWriter } from '../../src/wire/wire-writer.ts'

/** A request as it came; `body` stands behind the header. */
export interface Asked {
  readonly key: number
  readonly version: number
  readonly body: WireReader
  readonly socket: Socket
}

/** Writes the body of the answer; 'silent' gives none, 'cut' ends the connection, raw bytes go out as they are. */
export type Handler = (asked: Asked, answer: WireWriter) => 'answer' | 'silent' | 'cut' | Uint8Array

const API_VERSIONS = 18
const METADATA = 3

/** Speaks just enough of the protocol to be a broker that misbehaves in a way that a real one cannot be brought to. */
export class FakeBroker {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly asked: number[] = []
  port = 0
  /** Highest version that it says to have of each request. */
  versions = new Map<number, number>([
    [0, 13],
    [1, 17],
    [2, 10],
    [METADATA, 13],
    [10, 6],
    [API_VERSIONS, 4],
  ])

  constructor(handler: Handler) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      const frames = new Frames((frame) => this.#answer(frame, socket, handler))
      socket.on('data', (chunk: Buffer) => frames.push(chunk))
    })
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
    const address = this.#server.address()
    this.port = typeof address === 'object' && address !== null ? address.port : 0
    return `127.0.0.1:${this.port}`
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer(frame: Buffer, socket: Socket, handler: Handler): void {
    const reader = new WireReader(frame)
    const key = reader.int16()
    const version = reader.int16()
    const id = reader.int32()
    const clientIdBytes = reader.int16()
    reader.position += clientIdBytes
    reader.tags()
    this.asked.push(key)
    const writer = new WireWriter().reserveSize().int32(id)
    if (key !== API_VERSIONS) writer.tags()
    const done = handler({ key, version, body: reader, socket }, writer)
    if (done === 'silent') return
    if (done === 'cut') return void socket.destroy()
    if (done !== 'answer') return void socket.write(done)
    socket.write(Buffer.concat(writer.finish()))
  }

  /** The usual answers to ApiVersions and Metadata: itself as the only broker, of id 1, without topics. */
  usual({ key }: Asked, answer: WireWriter): 'answer' | 'silent' {
    if (key === API_VERSIONS) {
      answer.int16(0).array([...this.versions], (w, [api, max]) => w.int16(api).int16(0).int16(max).tags())
      answer.int32(0).tags()
      return 'answer'
    }
    if (key !== METADATA) return 'silent'
    answer.int32(0).array([1], (w, node) => w.int32(node).string('127.0.0.1').int32(this.port).string(null).tags())
    answer
      .string('fake')
      .int32(1)
      .array([], () => {})
      .tags()
    return 'answer'
  }
}
