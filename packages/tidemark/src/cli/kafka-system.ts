import type { System } from '../api/system.ts'
import { loadPackage, type ResolvePackage } from '../errors/optional-package.ts'
import type { Options } from './context.ts'
import { textFlag } from './flag-values.ts'

interface KafkaModule {
  readonly kafka: (options: { readonly brokers: readonly string[]; readonly wait: boolean }) => System
}

/** The system that `--brokers` asks for; undefined: the embedded one. ERR_KAFKA_PACKAGE. */
export function systemOf(options: Options, resolve?: ResolvePackage): System | undefined {
  const brokers = textFlag(options, 'brokers')
  if (brokers === undefined) return undefined
  const module = loadPackage(
    {
      name: '@tidemark/kafka',
      version: '0.1.0',
      neededBy: '--brokers needs',
      code: 'ERR_KAFKA_PACKAGE',
    },
    resolve,
  ) as KafkaModule
  return module.kafka({ brokers: brokers.split(',').map((each) => each.trim()), wait: options['wait'] !== false })
}
