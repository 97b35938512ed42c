/** One thing that a run that is exactly-once does not do. */
export interface Finding {
  readonly kind: 'loss' | 'duplicate' | 'order' | 'wrong' | 'split' | 'foreign'
  readonly key: string
  readonly what: string
}

/** After so many the rest tells nothing new. */
const ENOUGH = 100

export function tooMany(findings: readonly Finding[]): boolean {
  return findings.length >= ENOUGH
}

/** True if no number is less than the one before. */
export function ordered(numbers: readonly number[]): boolean {
  return numbers.every((number, at) => at === 0 || number >= (numbers[at - 1] ?? number))
}

/** Throws an Error that lists what was found, the first ones in full; nothing happens if nothing was. */
export function expectNoFindings(findings: readonly Finding[]): void {
  if (findings.length === 0) return
  const kinds = new Map<string, number>()
  for (const { kind } of findings) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  const counts = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')
  const first = findings.slice(0, 10).map(({ kind, key, what }) => `  ${kind}: key ${key}: ${what}`)
  throw new Error(`not exactly-once: ${counts}${tooMany(findings) ? ' or more' : ''}\n${first.join('\n')}`)
}
