import { type LogPortInit, ThreadLogPort } from '../log/embedded/thread-log-port.ts'
import type { LogPort, PortInit } from '../log/types.ts'

/** What a module of a system's ports exports. */
interface PortModule {
  openPort(data: unknown): Promise<LogPort>
}

/** Opens the port that the supervisor has given to this thread. */
export async function openPort({ module, data }: PortInit): Promise<LogPort> {
  if (module === null) return new ThreadLogPort(data as LogPortInit)
  return ((await import(module)) as PortModule).openPort(data)
}
