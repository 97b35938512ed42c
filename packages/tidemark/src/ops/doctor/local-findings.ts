import { type Finding, ok, problem, warning } from '../../api/finding.ts'

/** What this machine tells; null for what it does not. */
export interface LocalFacts {
  /** `v24.21.0`. */
  readonly nodeVersion: string
  readonly directory: string
  /** What a write to the data directory failed by; null: it went well. */
  readonly writeFailure: string | null
  /** False: it is not there yet, and its parent was tried. */
  readonly exists: boolean
  /** The process that has it. */
  readonly ownerPid: number | null
  readonly totalBytes: number | null
  readonly freeBytes: number | null
  /** `tmpfs`, `nfs`…; null for any other. */
  readonly fileSystem: 'memory' | 'network' | null
  /** A write of 4 KiB and its sync, one after the other, ms. */
  readonly syncMs: readonly number[]
  /** Time of a file that was just written, less that of the clock, ms. */
  readonly fileClockAheadMs: number | null
  /** Newest file of the data directory, less the clock, ms. */
  readonly newestAheadMs: number | null
  /** Of this process; infinity: no limit. */
  readonly openFiles: number | null
}

const LOWEST_NODE = 24
const MIB = 1024 * 1024
const GIB = 1024 * MIB
const CLOCK_MS = 5000

/** What is to be said of this machine. Pure. */
export function localFindings(facts: LocalFacts): Finding[] {
  return [
    nodeFinding(facts),
    ...directoryFindings(facts),
    ...spaceFindings(facts),
    ...syncFindings(facts),
    ...clockFindings(facts),
    ...fileFindings(facts),
  ]
}

function nodeFinding({ nodeVersion }: LocalFacts): Finding {
  const major = Number(/^v?(\d+)/.exec(nodeVersion)?.[1] ?? 0)
  if (major >= LOWEST_NODE) return ok('node.version', 'Node.js', nodeVersion)
  return problem('node.version', 'Node.js', `${nodeVersion} is too old`, `Use Node.js ${LOWEST_NODE} or newer.`)
}

function directoryFindings({ directory, writeFailure, exists, ownerPid, fileSystem }: LocalFacts): Finding[] {
  const subject = `data directory ${directory}`
  const found: Finding[] = []
  if (writeFailure !== null) {
    const advice = 'Give this user the right to write there, or choose another one (--data-dir).'
    found.push(problem('disk.write', subject, `cannot be written: ${writeFailure}`, advice))
  } else found.push(ok('disk.write', subject, exists ? 'may be written' : 'is not there yet, and may be made'))
  if (ownerPid !== null) found.push(ok('disk.owner', subject, `is in use by a run, process ${ownerPid}`))
  if (fileSystem === 'memory') {
    const advice = 'Use a disk: what is committed there is gone when the machine starts anew.'
    found.push(warning('disk.kind', subject, 'is in memory', advice))
  }
  if (fileSystem === 'network') {
    const advice = 'Use a disk of this machine: locks and syncs of network file systems do not always hold.'
    found.push(warning('disk.kind', subject, 'is on a network file system', advice))
  }
  return found
}

function spaceFindings({ directory, freeBytes, totalBytes }: LocalFacts): Finding[] {
  if (freeBytes === null || totalBytes === null) return []
  const subject = `disk of ${directory}`
  const text = `${Math.floor(freeBytes / MIB)} MiB of ${Math.floor(totalBytes / MIB)} MiB are free`
  const advice = 'Free space: a job whose disk is full stops until there is some.'
  if (freeBytes < 100 * MIB) return [problem('disk.space', subject, text, advice)]
  if (freeBytes < GIB || freeBytes < totalBytes / 20) return [warning('disk.space', subject, text, advice)]
  return [ok('disk.space', subject, text)]
}

function syncFindings({ directory, syncMs }: LocalFacts): Finding[] {
  if (syncMs.length === 0) return []
  const sorted = [...syncMs].sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] as number
  const most = sorted.at(-1) as number
  const subject = `disk of ${directory}`
  const text = `a write of 4 KiB and its sync take ${median.toFixed(1)} ms, ${most.toFixed(1)} at most`
  if (median < 50) return [ok('disk.sync', subject, text)]
  const advice = 'Every commit waits for a sync: use a faster disk, or commit less often (--commit-interval).'
  return [warning('disk.sync', subject, text, advice)]
}

function clockFindings({ fileClockAheadMs, newestAheadMs, directory }: LocalFacts): Finding[] {
  const found: Finding[] = []
  if (fileClockAheadMs !== null && Math.abs(fileClockAheadMs) > CLOCK_MS) {
    const text = `times of new files are ${(fileClockAheadMs / 1000).toFixed(0)} s off the clock of this machine`
    found.push(warning('clock', `data directory ${directory}`, text, 'Set the clocks of both machines by NTP.'))
  }
  if (newestAheadMs !== null && newestAheadMs > CLOCK_MS) {
    const text = `has a file of ${(newestAheadMs / 1000).toFixed(0)} s from now: the clock has gone back`
    found.push(
      warning('clock', `data directory ${directory}`, text, 'Set the clock by NTP: ages and retention go by it.'),
    )
  }
  return found.length > 0 ? found : [ok('clock', 'clock', 'agrees with the times of files')]
}

function fileFindings({ openFiles }: LocalFacts): Finding[] {
  if (openFiles === null) return []
  const subject = 'open files'
  const text = openFiles === Number.POSITIVE_INFINITY ? 'no limit' : `this process may open ${openFiles}`
  const advice = 'Raise it: ulimit -n 65536, LimitNOFILE of systemd, or the limits of the container.'
  if (openFiles < 512) return [problem('files.limit', subject, text, advice)]
  return [openFiles < 4096 ? warning('files.limit', subject, text, advice) : ok('files.limit', subject, text)]
}
