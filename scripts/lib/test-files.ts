import { findFiles } from './paths.ts'

/** The parts of the suite in the order they run: quick ones first. */
export const PARTS = ['unit', 'property', 'integration'] as const
export type Part = (typeof PARTS)[number]

/** Crash tests belong to `integration`: both start processes and use real disks. */
export function partOf(path: string): Part {
  if (/\.(integration|crash)\.test\.ts$/.test(path)) return 'integration'
  return path.endsWith('.property.test.ts') ? 'property' : 'unit'
}

/**
 * Integration tests that share a broker, which is slow to start and works several times faster when it is warm, and so a
 * process. In each list in this order: what stops the broker comes last.
 */
export const TOGETHER: readonly (readonly string[])[] = [
  ['job/kill', 'job/lineages', 'job/bulk-restore', 'job/zombie'],
  ['job/jobs', 'job/kept-bytes', 'job/limits', 'java/java-peer', 'wire/every-request', 'fetch/fetcher'],
].map((names) => names.map((name) => `packages/kafka/test/${name}.`))

/** The files that go to a process each: so many neighbours, or those that belong together. */
export function inProcesses(files: readonly string[], size: number): string[][] {
  const groups = new Map<readonly string[] | number, string[]>()
  let alone = 0
  for (const path of files) {
    const kin = TOGETHER.find((starts) => starts.some((start) => path.startsWith(start)))
    const key = kin ?? Math.floor(alone++ / size)
    groups.set(key, [...(groups.get(key) ?? []), path])
  }
  const place = (key: readonly string[], path: string): number => key.findIndex((start) => path.startsWith(start))
  return [...groups].map(([key, paths]) =>
    typeof key === 'number' ? paths : paths.toSorted((a, b) => place(key, a) - place(key, b)),
  )
}

/** Test files whose path contains one of the filters (all of them without filters): crash tests first, which take longest, sorted. */
export function findTests(filters: readonly string[]): string[] {
  const found = findFiles(['packages/*/test/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'])
  const isCrash = (path: string): boolean => path.endsWith('.crash.test.ts')
  const all = [...found.filter(isCrash), ...found.filter((path) => !isCrash(path))]
  return filters.length === 0 ? all : all.filter((path) => filters.some((filter) => path.includes(filter)))
}
