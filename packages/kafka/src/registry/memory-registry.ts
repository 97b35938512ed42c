import type { SchemaText } from './registry-client.ts'

/** URL of a registry that is in no other process: for tests. */
export const MEMORY_URL = 'memory:'

interface Version extends Partial<SchemaText> {
  readonly id: number
  readonly version: number
  readonly subject: string
}

/** What is kept of a schema registry, for this process alone: schemas by subject. It takes every schema for compatible. */
class MemoryRegistry {
  readonly #versions: Version[] = []

  answer(method: string, path: string, body: SchemaText | null): object | null {
    const [kind, name = '', , version] = path.split('/').slice(1).map(decodeURIComponent)
    if (kind === 'schemas') return this.#versions.find(({ id }) => String(id) === path.split('/').at(-1)) ?? null
    const own = this.#versions.filter(({ subject }) => subject === name)
    if (method === 'GET') {
      return (version === 'latest' ? own.at(-1) : own.find((each) => String(each.version) === version)) ?? null
    }
    const there = own.find(({ schema }) => schema === body?.schema)
    if (there !== undefined || !path.endsWith('/versions')) return there ?? null
    // One text has one id, whatever its subjects.
    const same = this.#versions.find(
      ({ schema, schemaType }) => schema === body?.schema && schemaType === body?.schemaType,
    )
    const id = same?.id ?? 1 + Math.max(0, ...this.#versions.map((each) => each.id))
    const made = { ...body, id, subject: name, version: own.length + 1 }
    this.#versions.push(made)
    return made
  }
}

/** The registry behind `memory:`, as a `fetch` that answers as a registry does. */
export function memoryFetch(): typeof fetch {
  const registry = new MemoryRegistry()
  return (url, { method = 'GET', body } = {}) => {
    const { href } = url instanceof Request ? new URL(url.url) : new URL(url)
    const path = href.slice(MEMORY_URL.length)
    const found = registry.answer(method, path, typeof body === 'string' ? (JSON.parse(body) as SchemaText) : null)
    const answer = found ?? { error_code: 40_401, message: `there is nothing at ${path} in this process` }
    return Promise.resolve(new Response(JSON.stringify(answer), { status: found === null ? 404 : 200 }))
  }
}
