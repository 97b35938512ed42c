import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TidemarkError } from 'tidemark/system'
import { TroubleNotice } from '../../src/host/trouble-notice.ts'
import { refusal } from '../../src/net/kafka-errors.ts'
import { InstantClock } from '../txn/instant-clock.ts'

test('brokers that are away for long are told of: after ten seconds, once a minute, and when they are back', async () => {
  const clock = new InstantClock()
  const said: string[] = []
  const notice = new TroubleNotice(clock, (text) => void said.push(text))
  const away = new TidemarkError('ERR_KAFKA_UNREACHABLE', 'no broker answers: refused.')
  const fail = async (seconds: number, error: unknown): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      notice.failed(error)
      await clock.sleep(1000)
    }
  }
  await fail(10, away)
  notice.well()
  await fail(10, away)
  assert.deepEqual(said, [], 'a broker that is started anew is no news')
  await fail(100, away)
  assert.equal(said.length, 2)
  assert.match(said[0] ?? '', /^no broker has answered for 10 s, and its tasks wait: no broker answers: refused\.$/)
  assert.match(said[1] ?? '', /for 70 s/)
  notice.well()
  notice.well()
  assert.deepEqual(said.slice(2), ['the brokers answer again'])
  await fail(12, refusal('ListOffsets', 56, null))
  assert.match(said[3] ?? '', /^brokers have not served what the job needs for 10 s, .*KAFKA_STORAGE_ERROR/)
  // What does not pass is told where it is met.
  notice.well()
  await fail(20, new TidemarkError('ERR_KAFKA_TOPIC_MISSING', 'there is none'))
  assert.equal(said.length, 5)
})
