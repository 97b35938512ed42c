/** Commits through a log thread until it is killed; prints each acknowledged value. Arguments: directory. */
import { LogHost } from '../../../src/log/embedded/log-host.ts'
import { ThreadLogPort } from '../../../src/log/embedded/thread-log-port.ts'
import { sayNow } from '../../say-now.ts'
import { batch, spec, text, transaction } from './harness.ts'

const host = await LogHost.start({ directory: process.argv[2] ?? '', job: 'job', segmentMaxBytes: 1000 })
const stream = await host.createStream(spec('s', 2))
const { epoch, id: committed } = await host.claim('p', '{}')
const port = new ThreadLogPort(host.port())
let id = committed

function next(): void {
  id++
  const value = `v${id}`
  const appends = [0, 1].map((partition) => ({ stream: stream.id, partition, bytes: batch([value.padEnd(80)]) }))
  port.commit(transaction(id, appends, { epoch, delta: text(value) }), (result) => {
    if (result.outcome !== 'committed') throw new Error(JSON.stringify(result))
    sayNow(value)
    next()
  })
}

next()
