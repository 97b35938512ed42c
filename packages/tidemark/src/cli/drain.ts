import type { App } from '../api/app.ts'
import { EXIT } from '../errors/entry.ts'

export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** A terminal and a parent (npm) may both pass one Ctrl-C on: signals closer than this are one. */
const SAME_MS = 300

/**
 * The first SIGINT, SIGTERM or SIGHUP drains the run: its `done` then settles. A second SIGINT ends the process at once.
 * Returns a function that stops listening.
 */
export function drainOnSignals(app: App, note: (line: string) => void): () => void {
  let firstAtMs: number | null = null
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now()
    if (firstAtMs === null) {
      firstAtMs = now
      note(`tidemark: ${signal}: committing what was processed; Ctrl-C again ends at once`)
      // The outcome comes by `done`, which the caller awaits.
      app.drain().catch(() => {})
    } else if (signal === 'SIGINT' && now - firstAtMs > SAME_MS) {
      process.exit(EXIT.interrupted)
    }
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
}
