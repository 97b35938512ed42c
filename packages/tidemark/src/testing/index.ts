export { type TestJob, testJob, type TestJobOptions } from './test-job.ts'
