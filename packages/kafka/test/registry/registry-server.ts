import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

interface Stored {
  readonly schema: string
  readonly schemaType?: string
  readonly references?: readonly unknown[]
}

/** A schema registry's REST interface over HTTP, as far as the client uses it; ids are given in order from 1. */
export class RegistryServer {
  /** Every request, as `GET /schemas/ids/1`. */
  readonly asked: string[] = []
  /** Of the last request. */
  authorization: string | undefined
  /** Answered to all requests, when it is not null: an outage. */
  status: number | null = null
  /** Texts that are refused as not compatible. */
  readonly incompatible = new Set<string>()
  readonly #schemas: Stored[] = []
  readonly #subjects = new Map<string, number[]>()
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** As if somebody else had registered it. */
  register(subject: string, stored: Stored): number {
    const text = JSON.stringify(stored)
    let id = this.#schemas.findIndex((each) => JSON.stringify(each) === text) + 1
    if (id === 0) id = this.#schemas.push(stored)
    const versions = this.#subjects.get(subject) ?? []
    if (!versions.includes(id)) this.#subjects.set(subject, [...versions, id])
    return id
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, answer } = this.#answer(request, await bodyOf(request))
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(JSON.stringify(answer))
  }

  #answer(request: IncomingMessage, body: string): { readonly status: number; readonly answer: object } {
    const { method = '', url = '' } = request
    this.asked.push(`${method} ${url}`)
    this.authorization = request.headers.authorization
    if (this.status !== null) return { status: this.status, answer: { error_code: this.status * 100, message: 'away' } }
    const parts = url.slice(1).split('/').map(decodeURIComponent)
    if (method === 'GET' && parts[0] === 'schemas') return this.#byId(Number(parts[2]))
    const [, subject = '', , version = ''] = parts
    if (method === 'GET') return this.#version(subject, version)
    const stored = JSON.parse(body) as Stored
    if (parts.length === 3) {
      if (this.incompatible.has(stored.schema)) {
        return { status: 409, answer: { error_code: 409, message: 'the field "b" has no default' } }
      }
      return { status: 200, answer: { id: this.register(subject, stored) } }
    }
    const known = this.#subjects.get(subject)?.find((id) => this.#schemas[id - 1]?.schema === stored.schema)
    if (known === undefined) return { status: 404, answer: { error_code: 40403, message: 'Schema not found' } }
    return { status: 200, answer: { subject, id: known, ...stored } }
  }

  #byId(id: number): { readonly status: number; readonly answer: object } {
    const stored = this.#schemas[id - 1]
    if (stored !== undefined) return { status: 200, answer: stored }
    return { status: 404, answer: { error_code: 40403, message: `Schema ${id} not found` } }
  }

  #version(subject: string, version: string): { readonly status: number; readonly answer: object } {
    const ids = this.#subjects.get(subject) ?? []
    const id = version === 'latest' ? ids.at(-1) : ids[Number(version) - 1]
    if (id === undefined)
      return { status: 404, answer: { error_code: 40401, message: `Subject '${subject}' not found.` } }
    return { status: 200, answer: { subject, id, version: ids.indexOf(id) + 1, ...this.#schemas[id - 1] } }
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += String(chunk)
  return body
}
