import { systemClock } from 'tidemark/system'
import type { ClusterOptions } from '../net/cluster.ts'
import type { RetryOptions } from '../net/retry.ts'
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

const PATIENCE_MS = 60_000

/**
 * How long a run that has begun waits: for brokers that are away as long as it holds the right to run the job, which ends with the
 * lease (`leaseMs`); for those that answer, and say "not now", a minute.
 */
export function patience(
  { clock, random }: Pick<ClusterOptions, 'clock' | 'random'>,
  isHeld: () => boolean,
): RetryOptions {
  return { clock, random, withinMs: PATIENCE_MS, isHeld }
}
