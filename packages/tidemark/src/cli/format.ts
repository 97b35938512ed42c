const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 1234567 as `1,234,567`. */
export function formatCount(value: number | bigint): string {
  return grouped.format(value)
}

/** A count in at most four characters and a unit: `812`, `4.2 k`, `177 k`, `2.4 M`. */
export function formatShort(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T']
  let rest = value
  let unit = 0
  while (Math.abs(rest) >= 999.5 && unit < units.length - 1) {
    rest /= 1000
    unit++
  }
  const digits = unit > 0 && Math.abs(rest) < 9.95 ? rest.toFixed(1) : rest.toFixed(0)
  return `${digits}${units[unit]}`
}

/** Bytes in binary units: `812 B`, `4.2 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let rest = bytes
  let unit = 0
  while (rest >= 1023.5 && unit < units.length - 1) {
    rest /= 1024
    unit++
  }
  return `${unit > 0 && rest < 9.95 ? rest.toFixed(1) : rest.toFixed(0)} ${units[unit]}`
}

/** A time span: `4 ms`, `1.2 s`, `48 s`, `3 min 5 s`, `2 h 4 min`, `3 d 1 h`. */
export function formatSpan(ms: number): string {
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** An instant in UTC, to the second, or to the ms when it has any: `2013-01-01T05:00:00Z`. */
export function formatInstant(ms: number): string {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return String(ms)
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

/** Any value as one line of text for a table: strings as they are, the rest as JSON, control characters escaped. */
export function formatValue(value: unknown): string {
  const text = typeof value === 'string' ? value : toJson(value)
  // Control characters of user data must not reach the terminal.
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/**
 * JSON of any value that a serde can give, on one line: bigints as numbers with all digits, bytes as
 * {"base64":"..."}, dates as ISO strings, maps and sets as arrays.
 */
export function toJson(value: unknown): string {
  return encode(value) ?? 'null'
}

function encode(value: unknown): string | undefined {
  if (value === null) return 'null'
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object') return JSON.stringify(value)
  if (value instanceof Uint8Array) return JSON.stringify({ base64: Buffer.from(value).toString('base64') })
  if (value instanceof Map) return encodeList([...value])
  if (value instanceof Set) return encodeList([...value])
  if (Array.isArray(value)) return encodeList(value)
  if ('toJSON' in value && typeof value.toJSON === 'function') return JSON.stringify(value)
  const parts: string[] = []
  for (const [name, item] of Object.entries(value)) {
    const text = encode(item)
    if (text !== undefined) parts.push(`${JSON.stringify(name)}:${text}`)
  }
  return `{${parts.join(',')}}`
}

function encodeList(items: readonly unknown[]): string {
  return `[${items.map((item) => encode(item) ?? 'null').join(',')}]`
}
