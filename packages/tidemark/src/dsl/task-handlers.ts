import { positiveDurationMs } from '../api/duration.ts'
import type { TaskDef, TaskHandlers } from '../api/task.ts'
import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'

/** Names of a task that are no inputs. */
export const RESERVED: ReadonlySet<string> = new Set(['init', 'close', 'endOfStream', 'every', 'timers'])

type Handler = (...parameters: readonly unknown[]) => unknown

/**
 * Handlers in one shape, bound to the object they came from. ERR_JOB_HANDLER names inputs and timers without a handler,
 * and, for a plain object, handlers without an input; a class may have methods of its own.
 */
export function normaliseHandlers(job: string, io: Pick<TaskDef, 'inputs' | 'timers'>, task: unknown): TaskHandlers {
  if (typeof task !== 'object' || task === null) {
    throw new TidemarkError(
      'ERR_JOB_HANDLER',
      `job ${job}: the task's function returned ${showValue(task)}, not handlers`,
    )
  }
  const inputs = Object.keys(io.inputs)
  const timers = Object.keys(io.timers)
  const given: unknown = Reflect.get(task, 'timers')
  const timerTask = timers.length === 0 && !isObject(given) ? {} : given
  if (!isObject(timerTask)) {
    throw new TidemarkError(
      'ERR_JOB_HANDLER',
      `job ${job}: the task declares timers, but has no timers: { ... } to handle them`,
    )
  }
  const on = handlersOf(job, task, inputs, 'input')
  const onTimer = handlersOf(job, timerTask, timers, 'timer')
  if (isPlain(task)) assertKnown(job, task, [...inputs, ...RESERVED], 'input')
  assertKnown(job, timerTask, timers, 'timer')
  return Object.freeze({
    on: on,
    onTimer: onTimer,
    every: periods(job, task),
    init: hook(job, task, 'init'),
    close: hook(job, task, 'close'),
    endOfStream: hook(job, task, 'endOfStream'),
  })
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function handlersOf(job: string, task: object, names: readonly string[], what: string): Record<string, Handler> {
  const found: Record<string, Handler> = {}
  for (const name of names) {
    const handler: unknown = Reflect.get(task, name)
    if (typeof handler !== 'function') {
      const why = handler === undefined ? 'has no handler' : `has ${showValue(handler)} for a handler`
      const advice = what === 'input' ? `${name}(message, context) {}` : `timers: { ${name}(key, timeMs, context) {} }`
      throw new TidemarkError('ERR_JOB_HANDLER', `job ${job}: ${what} ${name} ${why}. Add ${advice}`)
    }
    found[name] = handler.bind(task) as Handler
  }
  return Object.freeze(found)
}

function assertKnown(job: string, task: object, known: readonly string[], what: string): void {
  for (const name of Object.keys(task)) {
    if (known.includes(name)) continue
    const list = known.filter((each) => !RESERVED.has(each)).join(', ')
    throw new TidemarkError(
      'ERR_JOB_HANDLER',
      `job ${job}: there is a handler ${name}, but no ${what} of this name. The ${what}s are ${list === '' ? 'none' : list}`,
    )
  }
}

function hook(job: string, task: object, name: 'init' | 'close' | 'endOfStream'): Handler | null {
  const found: unknown = Reflect.get(task, name)
  if (found === undefined) return null
  if (typeof found !== 'function') {
    throw new TidemarkError('ERR_JOB_HANDLER', `job ${job}: ${name} is ${showValue(found)}, but must be a function`)
  }
  return found.bind(task) as Handler
}

function periods(job: string, task: object): TaskHandlers['every'] {
  const every: unknown = Reflect.get(task, 'every') ?? {}
  if (!isObject(every)) {
    throw new TidemarkError('ERR_JOB_HANDLER', `job ${job}: every is ${showValue(every)}, but must be { '10s': fn }`)
  }
  return Object.freeze(
    Object.entries(every).map(([period, run]: [string, unknown]) => {
      if (typeof run !== 'function') {
        throw new TidemarkError(
          'ERR_JOB_HANDLER',
          `job ${job}: every['${period}'] is ${showValue(run)}, not a function`,
        )
      }
      return { periodMs: positiveDurationMs(period as '1s', `job ${job}, every`), run: run.bind(task) as Handler }
    }),
  )
}
