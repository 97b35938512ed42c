import type { App, RunOptions } from '../api/app.ts'
import type { Job } from '../api/job.ts'

/**
 * Runs a job on the embedded system. A job given as a value runs on this thread, so that closures work; a module's URL
 * runs in `containers` threads (default: one for each spare core, at most one for each task).
 *
 * Rejects with ERR_OPTION, ERR_UNKNOWN_STREAM, ERR_DATA_DIR_LOCKED, ERR_DATA_DIR_OTHER_JOB, ERR_FORMAT_NEWER,
 * ERR_LOG_CORRUPT, ERR_STATE_CORRUPT and what importing the module throws. Later errors come by `app.done`.
 */
export async function run(job: Job | URL, options: RunOptions = {}): Promise<App> {
  // A job's module imports this, in each container too, which runs nothing by itself.
  const { startApp } = await import('./running-app.ts')
  return startApp(job, options)
}
