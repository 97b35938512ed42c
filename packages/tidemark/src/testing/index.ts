export { type TestJob, testJob, type TestJobOptions } from './test-job.ts'
export type { TestTable } from './test-table.ts'
export { baseConformance, type ConformanceCase } from './base-conformance.ts'
export { type BaseUnderTest } from './conformance-bench.ts'
