import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../clock/clock.ts'
import { blockingDisk } from '../disk/blocking-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { toWireError } from '../errors/error.ts'
import type { CompactionThreadData, FromCompactionThread, ToCompactionThread } from './compaction-messages.ts'
import { CompactionQueue } from './compaction-queue.ts'
import { LSM_FAILPOINTS, type LsmFailpoint } from './failpoints.ts'

/*
 * The entry of a node's compaction thread. It opens files by their paths: descriptors never cross threads. What ends it
 * without having been asked is the end of the run: the owners of the files learn of it by CompactionHost.
 */

const { bytesPerSecond } = workerData as CompactionThreadData
const parent = parentPort
if (parent === null) throw new TypeError('compaction-thread runs as a thread only')

const tell = (message: FromCompactionThread): void => parent.postMessage(message)

const queue = new CompactionQueue({
  disk: blockingDisk(nodeDisk),
  clock: systemClock,
  yieldNow: () => new Promise((resolve) => setImmediate(resolve)),
  bytesPerSecond,
  failpoint: failpointFrom(process.env['TIDEMARK_FAILPOINT']),
})

parent.on('message', (message: ToCompactionThread) => {
  if (message.kind === 'gone') queue.cancel(message.client)
  else if (message.kind === 'end') {
    for (const client of message.clients) queue.cancel(client)
    parent.close()
  } else take(message.client, message.request)
})

function take(client: number, request: Extract<ToCompactionThread, { kind: 'request' }>['request']): void {
  const { id } = request
  if (request.kind === 'cancel') queue.cancel(client, id)
  else {
    queue.add(
      client,
      id,
      request.task,
      ({ file, error }) => {
        tell({ client, reply: { kind: 'done', id, file, error: error === null ? null : toWireError(error) } })
      },
      (error) => tell({ client, reply: { kind: 'delayed', id, error: toWireError(error) } }),
    )
  }
}

/** `name[:n]`: at its n-th passing of one of its own points the process kills itself, for crash tests. */
function failpointFrom(text: string | undefined): (name: LsmFailpoint) => void {
  const [wanted, count = '1'] = (text ?? '').split(':')
  if (!LSM_FAILPOINTS.some((name) => name === wanted)) return () => {}
  let left = Number(count)
  return (name) => {
    if (name === wanted && --left === 0) process.kill(process.pid, 'SIGKILL')
  }
}
