import { type Clock, isTidemarkError, TidemarkError } from 'tidemark/system'
import { reasonOf } from '../net/connect-errors.ts'
import { retrying } from '../net/retry.ts'

/** Kinds of schemas, as the registry names them. */
export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF'

export interface SchemaReference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** A schema to be registered, or found. */
export interface SchemaText {
  readonly schema: string
  readonly schemaType: SchemaType
  readonly references: readonly SchemaReference[]
}

/** A schema that the registry has, with all that it refers to, those first that others refer to. */
export interface RegisteredSchema extends SchemaText {
  readonly id: number
  readonly named: readonly { readonly name: string; readonly schema: string }[]
}

export interface RegistryClientOptions {
  readonly urls: readonly string[]
  /** Of the header Authorization; null: none. */
  readonly authorization: string | null
  /** Of one request, ms. */
  readonly timeoutMs: number
  /** How long a registry that is away is waited for, ms. */
  readonly patienceMs: number
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly fetch: typeof fetch
}

const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'
const TOO_MANY_REQUESTS = 429
const CONFLICT = 409
/** References of references, and so on. */
const MOST_DEPTH = 20

interface Answer {
  readonly id?: number
  readonly schema?: string
  readonly schemaType?: SchemaType
  readonly references?: readonly SchemaReference[]
  readonly error_code?: number
  readonly message?: string
}

/**
 * The few calls of a schema registry (the REST interface of Confluent's, which others speak too). ERR_REGISTRY_UNREACHABLE when no
 * URL answers for `patienceMs`, ERR_REGISTRY_REFUSED for what it says no to.
 */
export class RegistryClient {
  readonly #options: RegistryClientOptions

  constructor(options: RegistryClientOptions) {
    this.#options = options
  }

  /** The schema that values with this id were written by. */
  async byId(id: number): Promise<RegisteredSchema> {
    const answer = await this.#call('GET', `/schemas/ids/${id}`, null, `schema ${id}`)
    return this.#whole(answer, id)
  }

  /** The newest schema of a subject. */
  async latest(subject: string): Promise<RegisteredSchema> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`
    const answer = await this.#call('GET', path, null, `the newest schema of ${subject}`)
    return this.#whole(answer, idOf(answer, subject))
  }

  /** Registers a schema under a subject, unless it is there, and gives its id. */
  async register(subject: string, schema: SchemaText): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    return idOf(await this.#call('POST', path, schema, `a schema for ${subject}`), subject)
  }

  /** The id of a schema that is under the subject already. */
  async find(subject: string, schema: SchemaText): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}`
    return idOf(await this.#call('POST', path, schema, `the id of a schema of ${subject}`), subject)
  }

  async #whole(answer: Answer, id: number): Promise<RegisteredSchema> {
    const { schema, schemaType = 'AVRO', references = [] } = answer
    if (typeof schema !== 'string') throw odd(`schema ${id}`, 'an answer without a schema')
    const named = new Map<string, string>()
    await this.#gather(references, named, 0)
    return { id, schema, schemaType, references, named: [...named].map(([name, text]) => ({ name, schema: text })) }
  }

  /** What is referred to, depth first. */
  async #gather(references: readonly SchemaReference[], named: Map<string, string>, depth: number): Promise<void> {
    if (depth > MOST_DEPTH) throw odd('a schema', `references that are ${MOST_DEPTH} deep`)
    for (const { name, subject, version } of references) {
      if (named.has(name)) continue
      const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
      const answer = await this.#call('GET', path, null, `version ${version} of ${subject}`)
      await this.#gather(answer.references ?? [], named, depth + 1)
      named.set(name, answer.schema ?? '')
    }
  }

  #call(method: 'GET' | 'POST', path: string, body: SchemaText | null, what: string): Promise<Answer> {
    const { clock, random, patienceMs: withinMs } = this.#options
    return retrying({ clock, random, withinMs }, () => this.#once(method, path, body, what))
  }

  /** Asks one URL after the other, until one gives an answer. */
  async #once(method: 'GET' | 'POST', path: string, body: SchemaText | null, what: string): Promise<Answer> {
    const reasons: string[] = []
    for (const url of this.#options.urls) {
      try {
        const response = await this.#send(`${url}${path}`, method, body)
        if (response.status < 500 && response.status !== TOO_MANY_REQUESTS) return await answerOf(response, what, url)
        reasons.push(`${url}: it answers ${response.status}`)
      } catch (error) {
        if (isTidemarkError(error)) throw error
        reasons.push(`${url}: ${reasonOf(error)}`)
      }
    }
    throw new TidemarkError(
      'ERR_REGISTRY_UNREACHABLE',
      `${what} cannot be had, since no schema registry answers: ${reasons.join('; ')}. Check the URLs, and whether it runs`,
    )
  }

  #send(url: string, method: 'GET' | 'POST', body: SchemaText | null): Promise<Response> {
    const { authorization, timeoutMs } = this.#options
    // AVRO is what registries take a schema for that says nothing; old ones know no other.
    const { schema, schemaType, references } = body ?? { schema: '', schemaType: 'AVRO', references: [] }
    const sent = {
      schema,
      ...(schemaType === 'AVRO' ? {} : { schemaType }),
      ...(references.length === 0 ? {} : { references }),
    }
    return this.#options.fetch(url, {
      method,
      headers: {
        accept: MEDIA_TYPE,
        ...(authorization === null ? {} : { authorization }),
        ...(body === null ? {} : { 'content-type': MEDIA_TYPE }),
      },
      ...(body === null ? {} : { body: JSON.stringify(sent) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
  }
}

async function answerOf(response: Response, what: string, url: string): Promise<Answer> {
  const text = await response.text()
  let answer: Answer
  try {
    answer = JSON.parse(text) as Answer
  } catch {
    throw odd(what, `no JSON, with status ${response.status}, from ${url}. Is it the URL of a schema registry?`)
  }
  if (response.ok) return answer
  const said = answer.message ?? `status ${response.status}`
  throw new TidemarkError(
    'ERR_REGISTRY_REFUSED',
    `the schema registry at ${url} refused ${what}: ${said}. ${advice(response.status)}`,
    {
      details: { status: response.status, registryCode: answer.error_code ?? null },
    },
  )
}

function advice(status: number): string {
  if (status === 401 || status === 403) return 'Check user and password, and their rights'
  if (status === CONFLICT)
    return 'Change the schema so that it is compatible, or the compatibility level of the subject'
  if (status === 404) return 'Register it first, or check subject, id and URL'
  return 'Change what is asked for'
}

function idOf({ id }: Answer, subject: string): number {
  if (typeof id === 'number' && Number.isSafeInteger(id)) return id
  throw odd(subject, 'an answer without an id')
}

function odd(what: string, answer: string): TidemarkError {
  return new TidemarkError('ERR_REGISTRY_REFUSED', `the schema registry was asked for ${what} and gave ${answer}`)
}
