/** Entry of the log thread: opens the log and serves it until the supervisor closes it. */
import { parentPort } from 'node:worker_threads'
import { systemClock } from '../../clock/clock.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { invariant, toWireError } from '../../errors/error.ts'
import { EmbeddedLog } from './embedded-log.ts'
import { failpointOf } from './failpoint-environment.ts'
import { LogServer } from './log-server.ts'
import { onBegin } from '../waiting-thread.ts'
import type { EmbeddedLogOptions } from './options.ts'
import type { HostReply, LogThreadData } from './thread-messages.ts'

function openLog(data: LogThreadData): EmbeddedLog {
  const { directory, job, shared, journalMaxBytes, segmentMaxBytes, fsync } = data
  const failpoint = failpointOf(process.env['TIDEMARK_FAILPOINT'], () => process.kill(process.pid, 'SIGKILL'))
  const options: EmbeddedLogOptions = {
    disk: nodeDisk,
    clock: systemClock,
    directory,
    job,
    shared,
    ...(journalMaxBytes === undefined ? {} : { journalMaxBytes }),
    ...(segmentMaxBytes === undefined ? {} : { segmentMaxBytes }),
    ...(fsync === undefined ? {} : { fsync }),
    ...(failpoint === null ? {} : { failpoint }),
  }
  return EmbeddedLog.open(options)
}

function main(data: LogThreadData): void {
  invariant(parentPort !== null, 'the log thread was started by a supervisor')
  let log: EmbeddedLog
  try {
    log = openLog(data)
  } catch (error) {
    parentPort.postMessage({ kind: 'fatal', error: toWireError(error) } satisfies HostReply)
    parentPort.close()
    return
  }
  void new LogServer(log, parentPort, systemClock, data.retentionIntervalMs)
}

onBegin(main)
