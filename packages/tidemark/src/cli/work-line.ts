import { cut } from './table.ts'
import type { Terminal } from './terminal.ts'

const REWRITE_MS = 200

/**
 * How far long work is, on standard error: one line, rewritten a few times a second, where a person looks, and nothing
 * elsewhere. `done` takes it away: the result follows.
 */
export class WorkLine {
  readonly #terminal: Terminal
  readonly #nowMs: () => number
  #shownAtMs = Number.NEGATIVE_INFINITY
  #shown = false

  constructor(terminal: Terminal, nowMs: () => number = () => performance.now()) {
    this.#terminal = terminal
    this.#nowMs = nowMs
  }

  /** `text` is only made when it is shown. */
  show(text: () => string): void {
    const { errorIsTerminal, columns } = this.#terminal
    const now = this.#nowMs()
    if (!errorIsTerminal || now - this.#shownAtMs < REWRITE_MS) return
    this.#shownAtMs = now
    this.#shown = true
    // The last column stays free: some terminals wrap when it is written.
    this.#terminal.raw(`\r\u001b[2K${cut(text(), Math.max(20, columns - 1))}`)
  }

  done(): void {
    if (this.#shown) this.#terminal.raw('\r\u001b[2K')
    this.#shown = false
  }
}
