import { enginesClosed } from '../engines/closing.ts'
import { runCli } from './program.ts'
import { exitWhenWritten, processTerminal } from './terminal.ts'

const code = await runCli(process.argv.slice(2), {
  terminal: processTerminal(),
  environment: process.env,
  cwd: process.cwd(),
  exitCode: 0,
})
// Readers of RocksDB and LevelDB remove their copies when these are closed.
await enginesClosed()
await exitWhenWritten(code)
