import { findFiles } from './paths.ts'

/** The parts of the suite in the order they run: quick ones first. */
export const PARTS = ['unit', 'property', 'integration'] as const
export type Part = (typeof PARTS)[number]

/** Crash tests belong to `integration`: both start processes and use real disks. */
export function partOf(path: string): Part {
  if (/\.(integration|crash)\.test\.ts$/.test(path)) return 'integration'
  return path.endsWith('.property.test.ts') ? 'property' : 'unit'
}

/** Test files whose path contains one of the filters (all of them without filters): crash tests first, which take longest, sorted. */
export function findTests(filters: readonly string[]): string[] {
  const found = findFiles(['packages/*/test/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'])
  const isCrash = (path: string): boolean => path.endsWith('.crash.test.ts')
  const all = [...found.filter(isCrash), ...found.filter((path) => !isCrash(path))]
  return filters.length === 0 ? all : all.filter((path) => filters.some((filter) => path.includes(filter)))
}
