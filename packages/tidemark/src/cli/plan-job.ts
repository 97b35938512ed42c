import { resolve } from 'node:path'
import { plan } from '../dsl/plan.ts'
import { planJson } from '../dsl/plan-json.ts'
import { renderPlan } from '../dsl/render-plan.ts'
import { storeSpecs } from '../runtime/store-specs.ts'
import { assertEngines, engineChoice } from '../runtime/engine-choice.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { toJson } from './format.ts'
import { loadJob } from './load-job.ts'

/** `tidemark plan`. */
export async function planJob(path: string, options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const { job } = await loadJob(resolve(context.cwd, path))
  const planned = plan(job.topology, { defaultPartitions: settings.partitions })
  const specs = storeSpecs(planned.topology.nodes).filter(({ name }) => !name.startsWith('$'))
  assertEngines(settings, specs)
  const engines = engineChoice(settings, specs).stores
  if (options['json'] === true) return context.terminal.print(toJson({ ...planJson(planned), engines }))
  await context.terminal.print(`${renderPlan(planned)}${engineLines(engines)}`)
}

/** Which stores are not kept by `lsm`: nothing when all are. */
function engineLines(engines: Readonly<Record<string, string>>): string {
  const others = Object.entries(engines).filter(([, engine]) => engine !== 'lsm')
  return others.length === 0
    ? ''
    : `\n\nengines\n${others.map(([store, engine]) => `  ${store}  ${engine}`).join('\n')}`
}
