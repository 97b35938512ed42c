import { findFiles } from './paths.ts'

/** The parts of the suite in the order they run: quick ones first. */
export const PARTS = ['unit', 'property', 'integration'] as const
export type Part = (typeof PARTS)[number]

/** Crash tests belong to `integration`: both start processes and use real disks. */
export function partOf(path: string): Part {
  if (/\.(integration|crash)\.test\.ts$/.test(path)) return 'integration'
  return path.endsWith('.property.test.ts') ? 'property' : 'unit'
}

/** Test files whose path contains one of the filters (all of them without filters), sorted. */
export function findTests(filters: readonly string[]): string[] {
  const all = findFiles(['packages/*/test/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'])
  return filters.length === 0 ? all : all.filter((path) => filters.some((filter) => path.includes(filter)))
}
