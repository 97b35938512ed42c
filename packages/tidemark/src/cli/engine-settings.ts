/**
 * True for what may be the name of an engine. Whether there is one is known when the job's module is loaded, since it may
 * register engines: then an unknown name is ERR_ENGINE_UNKNOWN.
 */
export function isEngineName(raw: unknown): raw is string {
  return typeof raw === 'string' && /^[A-Za-z][\w-]*$/.test(raw)
}

/** `store=engine,store=engine`, or an object of the configuration file; undefined for anything else. */
export function readStoreEngines(raw: unknown): Readonly<Record<string, string>> | undefined {
  const entries = typeof raw === 'string' ? pairsOf(raw) : objectEntries(raw)
  if (entries === undefined) return undefined
  const engines: Record<string, string> = {}
  for (const [store, engine] of entries) {
    if (store === '' || !isEngineName(engine)) return undefined
    engines[store] = engine
  }
  return engines
}

function pairsOf(text: string): (readonly [string, string])[] {
  return text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const equals = part.indexOf('=')
      return [part.slice(0, Math.max(0, equals)).trim(), part.slice(equals + 1).trim()] as const
    })
}

function objectEntries(raw: unknown): [string, unknown][] | undefined {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? Object.entries(raw) : undefined
}

export function showStoreEngines(engines: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(engines).map(([store, engine]) => `${store}=${engine}`)
  return pairs.length === 0 ? 'none' : pairs.join(',')
}
