import type { Context, PartOf, TaskIo } from './context.ts'
import type { DurationText } from './duration.ts'
import type { MessageOf } from './message.ts'
import type { AnyRemoteTable } from './remote-table.ts'
import type { StoreDef } from './store-def.ts'
import type { AnyStream } from './stream.ts'
import type { AnyTimer, TimerDef } from './timer.ts'

/** A handler may return a promise: the task waits for it, and only then. */
export type Handled = void | Promise<void>

/** Names that a task uses for something else, so that no input can have them. */
export type ReservedName = 'init' | 'close' | 'endOfStream' | 'every' | 'timers'

/** Handlers of a task's inputs, by name. */
export type InputHandlers<Io extends TaskIo> = {
  [N in keyof Io['inputs']]: (message: MessageOf<Io['inputs'][N]>, context: Context<Io>) => Handled
}

type Timers<Io extends TaskIo> = PartOf<Io, 'timers'>

/** Handlers of a task's timers, by name. */
export type TimerHandlers<Io extends TaskIo> = {
  [N in keyof Timers<Io>]: Timers<Io>[N] extends TimerDef<infer K>
    ? (key: K, timeMs: number, context: Context<Io>) => Handled
    : never
}

/** What a task may have besides its handlers. */
export interface TaskHooks<Input, C> {
  /** Before the first message, with state in place. */
  init?(context: C): Handled
  /** After the last commit, when the task ends or moves. */
  close?(context: C): Handled
  /** When an input, by its name, has come to its end in all partitions of this task. */
  endOfStream?(input: Input, context: C): Handled
  /** By period: called so often by the clock, between two messages. */
  every?: { readonly [D in DurationText]?: (context: C) => Handled }
}

/** Required if the task declares timers. */
type TimerPart<Io extends TaskIo> = [keyof Timers<Io>] extends [never]
  ? { timers?: never }
  : { timers: TimerHandlers<Io> }

/** A task: one handler per input, typed by its stream, and hooks. A class says `implements Task<typeof io>`. */
export type Task<Io extends TaskIo> = InputHandlers<Io> &
  TaskHooks<keyof Io['inputs'] & string, Context<Io>> &
  TimerPart<Io>

/** How a task is given: its handlers, a function that makes them for each task, or a class. */
export type TaskSpec<Io extends TaskIo> =
  | Task<Io>
  | ((context: Context<Io>) => Task<Io>)
  | (new (
      context: Context<Io>,
    ) => Task<Io>)

/** An input with a name that a task uses for something else, refused with the reason. */
export type RefuseReserved<I> = {
  readonly [N in keyof I & ReservedName]: `'${N}' cannot be the name of an input: a task uses it for something else`
}

type Streams = Readonly<Record<string, AnyStream>>
type Stores = Readonly<Record<string, StoreDef>>
type AnyTimers = Readonly<Record<string, AnyTimer>>
type Tables = Readonly<Record<string, AnyRemoteTable>>

/** What a job of a low-level task declares, and the task. Inputs, outputs and stores are addressed by these names. */
export interface TaskJob<
  I extends Streams,
  O extends Streams,
  S extends Stores,
  T extends AnyTimers,
  // oxlint-disable-next-line typescript/no-generated-empty-object-type -- what a task does not declare has no members
  R extends Tables = Record<never, never>,
> {
  readonly inputs: I & RefuseReserved<I>
  readonly outputs?: O
  readonly stores?: S
  readonly timers?: T
  readonly tables?: R
  readonly task: NoInfer<TaskSpec<{ inputs: I; outputs: O; stores: S; timers: T; tables: R }>>
}
