import { run } from '../../../src/index.ts'
import { naming, optionsFor } from './names.ts'

/* Runs the job of names.ts and kills itself in the midst of a call: DATA INPUT CALL. */
const [dataDir = '', input = '', call = '0'] = process.argv.slice(2)
const job = naming((number) => {
  if (number === Number(call)) process.kill(process.pid, 'SIGKILL')
})
const app = await run(job, optionsFor(dataDir, input))
await app.done
