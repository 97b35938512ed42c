const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `16MiB`, `512 KiB`, or a number of bytes; undefined for what is no size, or no whole number of bytes. */
export function parseSize(raw: unknown): number | undefined {
  if (typeof raw === 'number') return Number.isSafeInteger(raw) && raw >= 0 ? raw : undefined
  if (typeof raw !== 'string') return undefined
  const found = /^(\d+(?:\.\d+)?)\s*(B|[KMGT]iB)?$/i.exec(raw.trim())
  if (found === null) return undefined
  const unit = UNITS.findIndex((name) => name.toLowerCase() === (found[2] ?? 'B').toLowerCase())
  const bytes = Number(found[1]) * 1024 ** unit
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** In the largest unit that says it exactly: `16MiB`, `1000B`. What it gives, `parseSize` reads. */
export function showSize(bytes: number): string {
  let unit = 0
  let rest = bytes
  while (rest !== 0 && rest % 1024 === 0 && unit < UNITS.length - 1) {
    rest /= 1024
    unit++
  }
  return `${rest}${UNITS[unit]}`
}
