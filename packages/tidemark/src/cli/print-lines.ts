import type { Terminal } from './terminal.ts'

/** Text that is written at once: large enough to be cheap, small enough to come soon. */
const CHUNK_CHARS = 32 * 1024

/** Prints lines as they come, many with one write; waits when the reader is slow. */
export async function printLines(terminal: Terminal, lines: Iterable<string>): Promise<void> {
  let chunk: string[] = []
  let chars = 0
  for (const line of lines) {
    chunk.push(line)
    chars += line.length + 1
    if (chars < CHUNK_CHARS) continue
    await terminal.print(chunk.join('\n'))
    chunk = []
    chars = 0
  }
  if (chunk.length > 0) await terminal.print(chunk.join('\n'))
}
