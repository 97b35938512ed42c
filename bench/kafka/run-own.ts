import { readFileSync } from 'node:fs'
import { kafka } from '@tidemark/kafka'
import { run } from 'tidemark'
import type { OwnProgram } from './tidemark-side.ts'

/*
 * One run of a job on Kafka in a process of its own, with containers as threads: `node run-own.ts FILE`, where FILE has an
 * OwnProgram as JSON. Prints what it took as a line of JSON. CPU is of the whole process from its start, so that Node's own
 * start and its compiling count against us (those of the JVM do not count against Kafka Streams, which is warm).
 */
const { module, brokers, codec, options } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as OwnProgram
const system = kafka({ brokers: brokers.split(','), compression: codec })
const onWarning = (line: string): void => void process.stderr.write(`${line}\n`)
const app = await run(new URL(module), { ...options, system, untilEnd: true, onWarning })
const { records, seconds, restoredMs } = await app.done
const { user, system: kernel } = process.cpuUsage()
console.log(JSON.stringify({ records, seconds, restoredMs, cpuSeconds: (user + kernel) / 1e6 }))
