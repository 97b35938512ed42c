import { type Context, type MessageOf, type Task, defineJob, timer } from 'tidemark'
import { hourly, perUser, visits } from './streams.ts'

const io = { inputs: { visits }, outputs: { hourly }, stores: { perUser }, timers: { idle: timer('event') } }

class CountVisits implements Task<typeof io> {
  readonly #task: number
  constructor(context: Context<typeof io>) {
    this.#task = context.task
  }

  async visits(message: MessageOf<typeof visits>, { stores, timers }: Context<typeof io>): Promise<void> {
    stores.perUser.update(message.key, (n) => (n ?? 0) + this.#task)
    timers.idle.set(message.key, message.timestamp + 60_000)
    await Promise.resolve()
  }

  timers = {
    idle: (key: string, timeMs: number, { send }: Context<typeof io>): void => {
      send.hourly(key, { user: key, from: timeMs, visits: 0 })
    },
  }
}

export default defineJob('visits', { ...io, task: CountVisits })
