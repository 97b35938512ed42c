import { type LogPort, systemClock } from 'tidemark/system'
import { registerKafkaCodecs } from '../codecs/register.ts'
import { connectOptions } from '../host/connect-options.ts'
import { patiently } from '../host/patiently.ts'
import type { PortData } from '../host/shared-plan.ts'
import { Cluster } from '../net/cluster.ts'
import { KafkaPort } from './kafka-port.ts'

/** Called by the runtime, in the thread that is to use the port. */
export async function openPort(data: unknown): Promise<LogPort> {
  registerKafkaCodecs()
  const plan = data as PortData
  return new KafkaPort(plan, await patiently(() => Cluster.connect(connectOptions(plan.options))), systemClock)
}
