/** A copy of a plain value that may be changed: objects and arrays are new to the bottom, the rest is shared. */
export function deepThaw(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const source: readonly unknown[] = value
    const copy: unknown[] = []
    for (let i = 0; i < source.length; i++) copy.push(deepThaw(source[i]))
    return copy
  }
  const copy: Record<string, unknown> = { ...value }
  for (const name in copy) {
    const member = copy[name]
    if (typeof member === 'object' && member !== null) copy[name] = deepThaw(member)
  }
  return copy
}
