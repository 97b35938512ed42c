import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { App, Summary } from '../../src/api/app.ts'
import { runInTurns } from '../../src/cli/run-turns.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { type ErrorCode, TidemarkError } from '../../src/index.ts'

const APP = {} as App
const SUMMARY = { records: 7 } as Summary

/** Plays runs that fail with these codes, one after the other: at the start, or once they have begun. */
async function play(
  turns: readonly { readonly start?: ErrorCode; readonly run?: ErrorCode }[],
  again = true,
): Promise<{ readonly summary: Summary | null; readonly notes: string; readonly starts: number }> {
  let starts = -1
  const notes: string[] = []
  const clock = new ManualClock()
  const failed = (code: ErrorCode): TidemarkError => new TidemarkError(code, `because of ${code}.`)
  const summary = await runInTurns({
    start: () => {
      const code = turns[++starts]?.start
      return code === undefined ? Promise.resolve(APP) : Promise.reject(failed(code))
    },
    follow: () => {
      const code = turns[starts]?.run
      return code === undefined ? Promise.resolve(SUMMARY) : Promise.reject(failed(code))
    },
    again,
    note: (line) => {
      notes.push(line)
      if (line.endsWith('Trying again.')) setImmediate(() => clock.advance(1000))
    },
    clock,
  })
  return { summary, notes: notes.join('\n'), starts: starts + 1 }
}

test('ERR_LEASE_LOST, ERR_FENCED: a run that has lost its turn says so and waits for the next', async () => {
  const { summary, notes, starts } = await play([
    { run: 'ERR_LEASE_LOST' },
    { start: 'ERR_KAFKA_UNREACHABLE' },
    { run: 'ERR_FENCED' },
    {},
  ])
  assert.equal(summary, SUMMARY)
  assert.equal(starts, 4)
  assert.match(notes, /ERR_LEASE_LOST[^]*goes on as a spare[^]*ERR_KAFKA_UNREACHABLE\. Trying again[^]*ERR_FENCED/)
})

test('ERR_LEASE_LOST, ERR_FENCED: a first turn that is lost before it has begun is followed by a wait as well', async () => {
  for (const code of ['ERR_LEASE_LOST', 'ERR_FENCED'] as const) {
    const { summary, notes } = await play([{ start: code }, { start: 'ERR_KAFKA_UNREACHABLE' }, {}])
    assert.equal(summary, SUMMARY)
    assert.match(notes, new RegExp(`${code}\\. Trying again`))
    await assert.rejects(play([{ start: code }], false), { code })
  }
})

test('what is not about turns ends the command: errors of the job, of a first start, and input that cannot be read again', async () => {
  await assert.rejects(play([{ run: 'ERR_HANDLER_FAILED' }]), { code: 'ERR_HANDLER_FAILED' })
  await assert.rejects(play([{ start: 'ERR_KAFKA_UNREACHABLE' }]), { code: 'ERR_KAFKA_UNREACHABLE' })
  await assert.rejects(play([{ start: 'ERR_JOB_RUNNING' }]), { code: 'ERR_JOB_RUNNING' })
  await assert.rejects(play([{ run: 'ERR_LEASE_LOST' }, { start: 'ERR_OPTION' }]), { code: 'ERR_OPTION' })
  await assert.rejects(play([{ run: 'ERR_LEASE_LOST' }], false), { code: 'ERR_LEASE_LOST' })
})

test('SIGTERM ends a wait: nothing was run', async () => {
  const listeners = process.listenerCount('SIGTERM')
  const summary = await runInTurns({
    start: ({ signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(new TidemarkError('ERR_RUN_ENDED', 'ended')))
        process.emit('SIGTERM', 'SIGTERM')
      }),
    follow: () => Promise.reject(new Error('nothing runs')),
    again: true,
    note: () => {},
    clock: new ManualClock(),
  })
  assert.equal(summary, null)
  assert.equal(process.listenerCount('SIGTERM'), listeners, 'it listens no more')
})
