import { systemClock } from 'tidemark/system'
import type { ClusterOptions } from '../net/cluster.ts'
import type { KafkaOptions } from '../options.ts'

/** The one place where connections get the real clock and real chance. */
export function connectOptions(options: KafkaOptions): ClusterOptions {
  return {
    brokers: options.brokers,
    clientId: options.clientId ?? 'tidemark',
    clock: systemClock,
    random: Math.random,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
  }
}
