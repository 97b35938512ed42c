import { type LogPort, systemClock } from 'tidemark/system'
import { registerKafkaCodecs } from '../codecs/register.ts'
import { connectOptions, patience } from '../host/connect-options.ts'
import type { PortData } from '../host/shared-plan.ts'
import { Cluster } from '../net/cluster.ts'
import { retrying } from '../net/retry.ts'
import { KafkaPort } from './kafka-port.ts'

/** Called by the runtime, in the thread that is to use the port. */
export async function openPort(data: unknown): Promise<LogPort> {
  registerKafkaCodecs()
  const plan = data as PortData
  const options = connectOptions(plan.options)
  const held = new Int32Array(plan.held)
  const waits = patience(options, () => Atomics.load(held, 0) !== 0)
  const cluster = await retrying(waits, () => Cluster.connect(options))
  return new KafkaPort(plan, cluster, systemClock)
}
