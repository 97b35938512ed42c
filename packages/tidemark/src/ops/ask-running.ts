import { readFramed, writeFramed } from '../checkpoint/framed-file.ts'
import type { Clock } from '../clock/clock.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import {
  type AddressedRequest,
  ANSWER_KIND,
  answerName,
  type ControlAnswer,
  controlDirectory,
  type ControlRequest,
  type ControlResult,
  REQUEST_KIND,
  requestName,
} from '../runtime/control.ts'
import { lockHolder } from '../log/embedded/lock.ts'
import { nodeProcesses } from '../disk/process-table.ts'
import type { Disk } from '../disk/disk.ts'

const LOOK_MS = 25

/** A data directory, and who runs on it: of any system, since requests go through its files. */
export interface RunningPlace {
  readonly disk: Disk
  readonly path: string
  /** Null when nobody does. */
  ownerPid(): number | null
}

export function runningPlace(disk: Disk, path: string): RunningPlace {
  return { disk, path, ownerPid: () => lockHolder(disk, path, nodeProcesses) }
}

export interface AskOptions {
  readonly clock: Clock
  /** A name for the request that no other has. */
  readonly id: string
  readonly timeoutMs: number
}

/**
 * Asks something of the job that runs on a data directory. Rejects with what the job answers; ERR_RUN_ENDED when it ends
 * before; ERR_CONTROL_TIMEOUT when it does not answer (then it may still do what it was asked).
 */
export async function askRunning(
  place: RunningPlace,
  request: ControlRequest,
  options: AskOptions,
): Promise<ControlResult> {
  const { clock, id, timeoutMs } = options
  const { disk, path } = place
  const directory = controlDirectory(path)
  const pid = place.ownerPid()
  if (pid === null) throw new TidemarkError('ERR_RUN_ENDED', `no job runs on ${path}`)
  disk.makeDirectory(directory)
  const addressed: AddressedRequest = { pid, request }
  writeFramed(disk, REQUEST_KIND, directory, requestName(id), addressed)
  const answerPath = `${directory}/${answerName(id)}`
  const startedMs = clock.monotonicMs()
  for (;;) {
    // First whether it lives, then its answer: it may answer and end between the two.
    const lives = place.ownerPid() === pid
    const answer = readFramed(disk, ANSWER_KIND, answerPath) as ControlAnswer | null
    if (answer !== null) {
      disk.remove(answerPath)
      if (answer.result !== null) return answer.result
      throw answer.error === null ? new TidemarkError('ERR_INVARIANT', 'an empty answer') : fromWireError(answer.error)
    }
    const late = clock.monotonicMs() - startedMs > timeoutMs
    if (!lives || late) {
      const requestPath = `${directory}/${requestName(id)}`
      if (disk.exists(requestPath)) disk.remove(requestPath)
      throw lives ? noAnswer(path, timeoutMs) : new TidemarkError('ERR_RUN_ENDED', `the job on ${path} ended meanwhile`)
    }
    await clock.sleep(LOOK_MS)
  }
}

function noAnswer(path: string, timeoutMs: number): TidemarkError {
  return new TidemarkError(
    'ERR_CONTROL_TIMEOUT',
    `the process that has ${path} open did not answer within ${timeoutMs} ms. Is it a running job, and does it get on? Try again, with a longer --timeout`,
  )
}
