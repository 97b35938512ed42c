import { writeFileSync } from 'node:fs'

/** Preloaded into a process that is measured: writes the CPU seconds of all its threads when it ends. */
const file = process.env['BENCH_CPU_FILE']
if (file !== undefined) {
  process.on('exit', () => {
    const { user, system } = process.cpuUsage()
    writeFileSync(file, String((user + system) / 1e6))
  })
}
