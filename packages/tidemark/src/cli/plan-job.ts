import { resolve } from 'node:path'
import { plan } from '../dsl/plan.ts'
import { planJson } from '../dsl/plan-json.ts'
import { renderPlan } from '../dsl/render-plan.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { toJson } from './format.ts'
import { loadJob } from './load-job.ts'

/** `tidemark plan`. */
export async function planJob(path: string, options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const { job } = await loadJob(resolve(context.cwd, path))
  const planned = plan(job.topology, { defaultPartitions: settings.partitions })
  await context.terminal.print(options['json'] === true ? toJson(planJson(planned)) : renderPlan(planned))
}
