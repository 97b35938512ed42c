import type { Progress } from '../api/app.ts'
import { partText } from '../runtime/restore-log.ts'
import { formatCount, formatShort, formatSpan } from './format.ts'
import { cut } from './table.ts'
import type { Terminal } from './terminal.ts'

const REWRITE_MS = 200
const PLAIN_MS = 5000
/** The run measures its rate over spans of some seconds; until the first is over, it says 0. */
const FIRST_RATE_MS = 4000
/** Smaller uploads are over before anybody reads of them. */
const TOLD_UPLOAD_BYTES = 16 * 1024 * 1024
const STARTING: readonly Progress['phase'][] = ['starting', 'restoring']

/** The line of a run's progress; lag is how many records of streams are not processed yet. */
export function progressText(progress: Progress, elapsedMs: number): string {
  const parts = [
    progress.phase,
    `${formatCount(progress.records)} records`,
    `${formatShort(rate(progress, elapsedMs))}/s`,
    // Before the tasks know where they stand, all that the streams hold would count.
    ...(STARTING.includes(progress.phase) ? [] : [`lag ${formatCount(progress.lag)}`]),
  ]
  const upload = progress.uploads?.round ?? null
  if (upload !== null && upload.totalBytes >= TOLD_UPLOAD_BYTES) parts.push(`uploading ${partText(upload)}`)
  parts.push(checkpointText(progress))
  if (progress.restarts > 0) parts.push(`restarts ${progress.restarts}`)
  if (progress.dropped > 0) parts.push(`dropped ${formatCount(progress.dropped)}`)
  if (progress.deadLettered > 0) parts.push(`dead-lettered ${formatCount(progress.deadLettered)}`)
  if (progress.late > 0) parts.push(`late ${formatCount(progress.late)}`)
  parts.push(formatSpan(elapsedMs))
  return parts.join('  ')
}

/** Records per second; in the first seconds, and of a run that has ended, the mean since the start. */
function rate({ phase, records, recordsPerSecond }: Progress, elapsedMs: number): number {
  if (elapsedMs <= 0) return recordsPerSecond
  if (phase !== 'ended' && (recordsPerSecond > 0 || elapsedMs > FIRST_RATE_MS)) return recordsPerSecond
  return Math.round((records * 1000) / elapsedMs)
}

function checkpointText({ checkpointAgeMs, phase }: Progress): string {
  if (checkpointAgeMs !== null) return `checkpoint ${formatSpan(checkpointAgeMs)} ago`
  // A run that found nothing to do needs no checkpoint: the one of the last run holds.
  return phase === 'ended' ? 'no new checkpoint' : 'no checkpoint yet'
}

/**
 * Shows how a run is getting on, on standard error: one line, rewritten five times a second, where a person looks; a
 * plain line at the start, every five seconds and at the end otherwise.
 */
export class ProgressLine {
  readonly #terminal: Terminal
  readonly #read: () => Progress
  readonly #startedMs = performance.now()
  #timer: NodeJS.Timeout | null = null
  #shown = false

  constructor(terminal: Terminal, read: () => Progress) {
    this.#terminal = terminal
    this.#read = read
  }

  start(): void {
    this.#show()
    this.#timer = setInterval(() => this.#show(), this.#terminal.errorIsTerminal ? REWRITE_MS : PLAIN_MS)
    this.#timer.unref()
  }

  /** Prints a line of its own above the progress. */
  note(line: string): void {
    this.#clear()
    this.#terminal.note(line)
    if (this.#timer !== null && this.#terminal.errorIsTerminal) this.#show()
  }

  /** Shows the last state and ends the line. */
  stop(): void {
    if (this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
    this.#show()
    if (this.#shown) this.#terminal.raw('\n')
    this.#shown = false
  }

  #show(): void {
    const text = progressText(this.#read(), performance.now() - this.#startedMs)
    if (!this.#terminal.errorIsTerminal) {
      this.#terminal.note(text)
      return
    }
    // The last column stays free: some terminals wrap when it is written.
    this.#terminal.raw(`\r\u001b[2K${cut(text, Math.max(20, this.#terminal.columns - 1))}`)
    this.#shown = true
  }

  #clear(): void {
    if (!this.#shown) return
    this.#terminal.raw('\r\u001b[2K')
    this.#shown = false
  }
}
