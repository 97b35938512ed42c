import { assertName } from '../api/name.ts'
import { type AnyRemoteTable, isRemoteTable } from '../api/remote-table.ts'
import type { StoreDef } from '../api/store-def.ts'
import { type AnyStream, eraseStream, isStream } from '../api/stream.ts'
import { isStore } from '../api/store-def.ts'
import type { TaskDef } from '../api/task.ts'
import type { TimerDef } from '../api/timer.ts'
import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'
import { NameTable } from './name-table.ts'
import { normaliseHandlers, RESERVED } from './task-handlers.ts'
import type { Topology } from './topology.ts'

type Named<T> = Readonly<Record<string, T>>

/** Makes the topology of a low-level task: one node. The handlers' names are checked when they are an object. */
export function buildTask(job: string, definition: object): Topology {
  const given = definition as Readonly<Record<string, unknown>>
  const inputs = partOf<AnyStream>(job, given, 'inputs', isStream, "what stream('name', ...) returned")
  const outputs = partOf<AnyStream>(job, given, 'outputs', isStream, "what stream('name', ...) returned")
  const stores = partOf<StoreDef>(job, given, 'stores', isStore, 'what kv(...) or windows(...) returned')
  const timers = partOf<TimerDef<unknown>>(job, given, 'timers', isTimer, "timer('event') or timer('processing')")
  const tables = partOf<AnyRemoteTable>(job, given, 'tables', isRemoteTable, "what remoteTable('name', ...) returned")
  if (Object.keys(inputs).length === 0) {
    throw new TidemarkError('ERR_JOB_EMPTY', `job ${job} reads nothing: name at least one stream in inputs`)
  }
  for (const name of Object.keys(inputs)) assertInputName(job, name)
  const names = new NameTable(job)
  for (const input of Object.values(inputs)) names.addStream(input)
  for (const output of Object.values(outputs)) names.addStream(output)
  for (const [name, store] of Object.entries(stores)) names.addStore(store, name)
  for (const table of Object.values(tables)) names.addTable(table)
  const io = { inputs: erasedStreams(inputs), outputs: erasedStreams(outputs), stores, timers, tables }
  const task: TaskDef = Object.freeze({ ...io, create: creator(job, io, given['task']) })
  return Object.freeze({
    job,
    nodes: Object.freeze([Object.freeze({ op: 'task' as const, id: 0, name: 'task-1', task })]),
  })
}

function erasedStreams(streams: Named<AnyStream>): TaskDef['inputs'] {
  return Object.freeze(Object.fromEntries(Object.entries(streams).map(([name, stream]) => [name, eraseStream(stream)])))
}

function partOf<T>(
  job: string,
  given: Named<unknown>,
  part: string,
  is: (value: unknown) => boolean,
  wanted: string,
): Named<T> {
  const found = given[part] ?? {}
  if (typeof found !== 'object' || found === null || Array.isArray(found)) {
    throw new TidemarkError(
      'ERR_JOB_DEFINITION',
      `job ${job}: ${part} is ${showValue(found)}, but must be { name: ... }`,
    )
  }
  for (const [name, value] of Object.entries(found)) {
    assertName(`job ${job}, ${part}`, name)
    if (is(value)) continue
    throw new TidemarkError('ERR_JOB_DEFINITION', `job ${job}: ${part}.${name} is ${showValue(value)}: pass ${wanted}`)
  }
  return Object.freeze({ ...found }) as Named<T>
}

function isTimer(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'timer'
}

function assertInputName(job: string, name: string): void {
  if (!RESERVED.has(name)) return
  throw new TidemarkError(
    'ERR_JOB_RESERVED',
    `job ${job}: '${name}' cannot be the name of an input, since a task uses it for something else. ` +
      `Rename it, as in inputs: { ${name}Input: ${name} }`,
  )
}

type Io = Pick<TaskDef, 'inputs' | 'timers'>

/** How a container makes the handlers of one task: from an object, a function or a class. */
function creator(job: string, io: Io, task: unknown): TaskDef['create'] {
  if (typeof task === 'object' && task !== null) {
    const handlers = normaliseHandlers(job, io, task)
    return () => handlers
  }
  if (typeof task !== 'function') {
    throw new TidemarkError(
      'ERR_JOB_HANDLER',
      `job ${job}: task is ${showValue(task)}: pass handlers, a function or a class`,
    )
  }
  if (isClass(task)) {
    const maker = task as new (context: unknown) => object
    return (context) => normaliseHandlers(job, io, new maker(context))
  }
  const make = task as (context: unknown) => unknown
  return (context) => normaliseHandlers(job, io, make(context))
}

// A class's prototype cannot be replaced; a function's can, and arrows have none.
function isClass(task: object): boolean {
  return Object.getOwnPropertyDescriptor(task, 'prototype')?.writable === false
}
