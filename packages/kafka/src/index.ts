import type { System, SystemContext, SystemHost, SystemTools } from 'tidemark/system'
import { PORT_MODULE } from './port/port-module.ts'
import type { KafkaOptions } from './options.ts'

export type { KafkaOptions } from './options.ts'

/**
 * The system `kafka`: streams are topics, state is kept in one compacted topic, commits are transactions. Give it to `run`.
 *
 *     await run(job, { system: kafka({ brokers: ['localhost:9092'] }), dataDir: './data' })
 */
export function kafka(options: KafkaOptions): System {
  return {
    name: 'kafka',
    portModule: PORT_MODULE,
    async open(context: SystemContext): Promise<SystemHost> {
      const { KafkaHost } = await import('./host/kafka-host.ts')
      return KafkaHost.open(options, context)
    },
    async tools(): Promise<SystemTools> {
      const { KafkaTools } = await import('./tools/kafka-tools.ts')
      return KafkaTools.connect(options)
    },
  }
}
