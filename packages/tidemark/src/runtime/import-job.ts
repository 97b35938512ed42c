import { isJob, type Job } from '../api/job.ts'
import { TidemarkError } from '../errors/error.ts'

/** Imports a job module; its default export must be what `defineJob` returned. Errors: ERR_JOB_NO_DEFAULT, ERR_JOB_NOT_A_JOB. */
export async function importJob(url: string): Promise<Job> {
  const module = (await import(url)) as { readonly default?: unknown }
  if (module.default === undefined) {
    throw new TidemarkError(
      'ERR_JOB_NO_DEFAULT',
      `${url} has no default export: end it with "export default defineJob(...)"`,
    )
  }
  if (!isJob(module.default)) {
    throw new TidemarkError(
      'ERR_JOB_NOT_A_JOB',
      `the default export of ${url} is not a job: export what defineJob returns`,
    )
  }
  return module.default
}
