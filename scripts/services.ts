import { kafka } from './lib/services/kafka.ts'
import { redis } from './lib/services/redis.ts'
import { s3 } from './lib/services/s3.ts'
import type { Service } from './lib/services/service.ts'

/** Every service: one module each in lib/services. */
const SERVICES: readonly Service[] = [redis, s3, kafka]

const HELP = `usage: scripts/services SERVICE install|up|down|reset|status

  install  gets the program, if the machine has not got it
  up       starts it on this machine's loopback (installs it first), and prints its address
  down     stops it; its data stay
  reset    down, and removes its data
  status   prints its address, or "down"; exit code 1 if it is down

services:
${SERVICES.map(({ name, about }) => `  ${name.padEnd(8)} ${about}`).join('\n')}
`

async function main([name, action = '']: readonly string[]): Promise<number> {
  const service = SERVICES.find((each) => each.name === name)
  if (service === undefined) {
    process.stderr.write(HELP)
    return 2
  }
  switch (action) {
    case 'install':
      await service.install()
      return 0
    case 'up':
      await service.install()
      console.log(await service.up())
      return 0
    case 'down':
      await service.down()
      return 0
    case 'reset':
      await service.reset()
      return 0
    case 'status': {
      const address = await service.address()
      console.log(address ?? 'down')
      return address === null ? 1 : 0
    }
    default:
      process.stderr.write(HELP)
      return 2
  }
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})
