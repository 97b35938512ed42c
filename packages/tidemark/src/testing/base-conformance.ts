import { type BaseUnderTest, ConformanceBench } from './conformance-bench.ts'
import { CRASH_CASES } from './conformance-crashes.ts'
import { READ_CASES } from './conformance-reads.ts'

/** One thing that a base must do. `run` rejects with an AssertionError when it does not. */
export interface ConformanceCase {
  readonly name: string
  readonly run: () => Promise<void>
}

/**
 * What every base must do (see `Base` in the guide to engines): the invariants C1 and C6, order, ranges, stability of
 * iterators, readers beside the owner. The cases need no test runner: give each to yours as a test of its own.
 */
export function baseConformance(under: BaseUnderTest): ConformanceCase[] {
  return Object.entries({ ...READ_CASES, ...CRASH_CASES }).map(([name, body]) => ({
    name: `${under.name}: ${name}`,
    run: async () => {
      const bench = new ConformanceBench(under)
      try {
        await body(bench)
      } finally {
        bench.close()
      }
    },
  }))
}
