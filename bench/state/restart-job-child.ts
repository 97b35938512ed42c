import { run } from '../../packages/tidemark/src/index.ts'

/* Runs the job of restart.job.ts in a data directory up to the end of its input. */
const [, , directory = ''] = process.argv
const importedMs = performance.now()
const app = await run(new URL('./restart.job.ts', import.meta.url), {
  dataDir: directory,
  containers: 1,
  untilEnd: true,
})
const summary = await app.done
const { records, restoredMs } = summary
process.stdout.write(`${JSON.stringify({ records, restoredMs, importedMs, rss: process.memoryUsage.rss() })}\n`)
