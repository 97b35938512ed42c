import { parentPort } from 'node:worker_threads'
import { systemClock } from '../clock/clock.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { enginesClosed } from '../engines/closing.ts'
import { toWireError } from '../errors/error.ts'
import { onBegin } from '../log/waiting-thread.ts'
import { ThreadCompactor } from '../lsm/thread-compactor.ts'
import { compactionDelayed, ContainerRunner } from './container-runner.ts'
import { failpointFromEnvironment } from './failpoint.ts'
import { importJob } from './import-job.ts'
import { openPort } from './open-port.ts'
import { Pulse } from './pulse.ts'
import type { ContainerInit, FromContainer, ToContainer } from './thread-messages.ts'

/*
 * The entry of a container's thread. An uncaught error or an unhandled rejection ends the thread, which the supervisor
 * sees as a crash: its tasks are started again from their checkpoint.
 */

const parent = parentPort
if (parent === null) throw new TypeError('container-thread runs as a thread only')

const tell = (message: FromContainer): void => parent.postMessage(message)

const yieldNow = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function main(init: ContainerInit): Promise<void> {
  const startedMs = systemClock.monotonicMs()
  let runner: ContainerRunner
  try {
    const job = await importJob(init.jobUrl)
    runner = await ContainerRunner.open({
      job,
      settings: init.settings,
      streams: init.streams,
      grants: init.grants,
      port: await openPort(init.log),
      compactor: new ThreadCompactor(init.compaction, (error) => {
        tell({ kind: 'log', level: 'warn', text: compactionDelayed(error) })
      }),
      disk: nodeDisk,
      clock: systemClock,
      pulse: new Pulse(init.pulse),
      yieldNow,
      failpoint: failpointFromEnvironment(),
      onStatus: (status) => tell({ kind: 'status', status }),
      onLog: (level, text) => tell({ kind: 'log', level, text }),
      onFailed: (error) => tell({ kind: 'failed', error: toWireError(error) }),
    })
  } catch (error) {
    tell({ kind: 'failed', error: toWireError(error) })
    return
  }
  parent?.on('message', (message: ToContainer) => handle(runner, message))
  tell({ kind: 'ready', restoredMs: systemClock.monotonicMs() - startedMs })
  runner.start()
}

function handle(runner: ContainerRunner, message: ToContainer): void {
  switch (message.kind) {
    case 'end':
      runner.container.setEnd(message.stream, message.ends)
      return
    case 'commit':
      runner.container.requestCommit()
      return
    case 'drain':
      void runner.drain().then(() => tell({ kind: 'drained' }))
      return
    case 'close':
      runner.close()
      void enginesClosed().then(() => process.exit(0))
      return
    case 'ask': {
      const { id } = message
      runner.container.ask(message.request).then(
        (tasks) => tell({ kind: 'asked', id, tasks, error: null }),
        (error: unknown) => tell({ kind: 'asked', id, tasks: [], error: toWireError(error) }),
      )
      return
    }
    case 'state': {
      const { id } = message
      try {
        tell({ kind: 'state', id, state: runner.state(), error: null })
      } catch (error) {
        tell({ kind: 'state', id, state: null, error: toWireError(error) })
      }
      return
    }
    case 'query': {
      const { id } = message
      void runner.query(message.query).then(({ entries, error }) => tell({ kind: 'answer', id, entries, error }))
      return
    }
  }
}

onBegin(main)
