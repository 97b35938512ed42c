import { runCli } from './program.ts'
import { processTerminal } from './terminal.ts'

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: processTerminal(),
  environment: process.env,
  cwd: process.cwd(),
  exitCode: 0,
})
