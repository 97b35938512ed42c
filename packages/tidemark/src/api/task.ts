import type { AnyRemoteTable } from './remote-table.ts'
import type { StoreDef } from './store-def.ts'
import type { StreamDef } from './stream.ts'
import type { TimerDef } from './timer.ts'

/** A low-level task with its types erased: what the runtime needs of a TaskJob (defineJob made it). */
export interface TaskDef {
  /** By the name that handlers and `send` use. */
  readonly inputs: Readonly<Record<string, StreamDef<unknown, unknown>>>
  readonly outputs: Readonly<Record<string, StreamDef<unknown, unknown>>>
  readonly stores: Readonly<Record<string, StoreDef>>
  readonly timers: Readonly<Record<string, TimerDef<unknown>>>
  readonly tables: Readonly<Record<string, AnyRemoteTable>>
  /** Makes the handlers of one task: called once per task object (again after a crash). */
  create(context: unknown): TaskHandlers
}

/** Handlers after normalisation: an object, a function's result or a class instance look the same from here. */
export interface TaskHandlers {
  /** By input name. May return a promise. */
  readonly on: Readonly<Record<string, (message: unknown, context: unknown) => unknown>>
  /** By timer name: (key, time in ms, context). */
  readonly onTimer: Readonly<Record<string, (key: unknown, timeMs: number, context: unknown) => unknown>>
  readonly every: readonly { readonly periodMs: number; readonly run: (context: unknown) => unknown }[]
  readonly init: ((context: unknown) => unknown) | null
  readonly close: ((context: unknown) => unknown) | null
  readonly endOfStream: ((input: string, context: unknown) => unknown) | null
}
