import { readFileSync } from 'node:fs'

/** What a lock needs to know of processes. */
export interface ProcessTable {
  /** The own process id. */
  readonly pid: number
  /**
   * A text that tells a process from a later one with the same id, '' where the system has none; null when there is no
   * such process.
   */
  identity(pid: number): string | null
}

/** The processes of this machine. On Linux the identity is boot id and start time (proc(5), field 22 of stat). */
export const nodeProcesses: ProcessTable = {
  pid: process.pid,
  identity(pid: number): string | null {
    return alive(pid) ? startTime(pid) : null
  },
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function startTime(pid: number): string {
  if (process.platform !== 'linux') return ''
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is a name in parentheses that may hold anything; field 3 follows the last one.
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return started === undefined ? '' : `${boot}/${started}`
  } catch {
    // Without /proc the process id alone has to do.
    return ''
  }
}
