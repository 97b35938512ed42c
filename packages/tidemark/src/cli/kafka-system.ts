import { readFileSync } from 'node:fs'
import type { System } from '../api/system.ts'
import type { SystemTools } from '../api/system-tools.ts'
import { loadPackage, type ResolvePackage } from '../errors/optional-package.ts'
import { TidemarkError } from '../errors/error.ts'
import { type Options, flagName } from './context.ts'
import { KAFKA_SETTINGS, type KafkaSettings, KEY_PASSWORD_VARIABLE, PASSWORD_VARIABLE } from './kafka-settings.ts'

/** What @tidemark/kafka takes, as far as the command line says it. */
export interface KafkaConnection {
  readonly brokers: readonly string[]
  /** False: another process that runs the job is not waited for. */
  readonly wait?: boolean
  readonly tls?: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly passphrase?: string
  }
  readonly sasl?: { readonly mechanism: string; readonly username: string; readonly password: string }
}

interface KafkaModule {
  readonly kafka: (options: KafkaConnection) => System
}

/**
 * The system that the settings ask for; undefined: the embedded one. ERR_KAFKA_PACKAGE; ERR_KAFKA_OPTION where what is
 * said of TLS and SASL makes no whole; ERR_USAGE for flags of Kafka without brokers.
 */
export function systemOf(
  options: Options,
  settings: KafkaSettings,
  environment: NodeJS.ProcessEnv,
  resolve?: ResolvePackage,
): System | undefined {
  if (settings.brokers === null) {
    const lonely = KAFKA_SETTINGS.find(({ flag }) => options[flagName(flag)] !== undefined)
    if (lonely === undefined) return undefined
    throw new TidemarkError('ERR_USAGE', `${lonely.flag} is about Kafka: it needs --brokers (or TIDEMARK_BROKERS)`)
  }
  const connection = connectionOf(settings, environment, options[flagName('--password-file')] !== undefined)
  const module = loadPackage(
    {
      name: '@tidemark/kafka',
      version: '0.1.0',
      neededBy: '--brokers needs',
      code: 'ERR_KAFKA_PACKAGE',
    },
    resolve,
  ) as KafkaModule
  return module.kafka(options['wait'] === false ? { ...connection, wait: false } : connection)
}

/** The tools of that system; null for the embedded one. What connecting rejects with. */
export async function toolsOf(
  options: Options,
  settings: KafkaSettings,
  environment: NodeJS.ProcessEnv,
): Promise<SystemTools | null> {
  const system = systemOf(options, settings, environment)
  if (system?.tools !== undefined) return system.tools()
  return null
}

/** `fileFirst`: the password's file was named by a flag, which wins over the variable. ERR_KAFKA_OPTION. */
export function connectionOf(
  settings: KafkaSettings,
  environment: NodeJS.ProcessEnv,
  fileFirst = false,
): KafkaConnection {
  const tls = tlsOf(settings, environment)
  const sasl = saslOf(settings, environment, fileFirst)
  return {
    brokers: settings.brokers ?? [],
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
  }
}

function tlsOf(settings: KafkaSettings, environment: NodeJS.ProcessEnv): KafkaConnection['tls'] {
  const { kafkaTls, kafkaTlsCa, kafkaTlsCert, kafkaTlsKey } = settings
  if ((kafkaTlsCert === null) !== (kafkaTlsKey === null)) {
    const [has, lacks] = kafkaTlsCert === null ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key']
    throw wrong(`${has} is given without ${lacks}: a certificate of this client and its key belong together`)
  }
  if (!kafkaTls && kafkaTlsCa === null && kafkaTlsCert === null) return undefined
  const passphrase = environment[KEY_PASSWORD_VARIABLE] ?? ''
  return {
    ...(kafkaTlsCa === null ? {} : { ca: pem('--tls-ca', kafkaTlsCa) }),
    ...(kafkaTlsCert === null ? {} : { cert: pem('--tls-cert', kafkaTlsCert) }),
    ...(kafkaTlsKey === null ? {} : { key: pem('--tls-key', kafkaTlsKey) }),
    ...(passphrase === '' ? {} : { passphrase }),
  }
}

function saslOf(settings: KafkaSettings, environment: NodeJS.ProcessEnv, fileFirst: boolean): KafkaConnection['sasl'] {
  const { kafkaSasl, kafkaUsername, kafkaPasswordFile } = settings
  if (kafkaSasl === null) {
    if (kafkaUsername === null) return undefined
    throw wrong(`--username ${kafkaUsername} is given without --sasl: name the mechanism by which it logs in`)
  }
  if (kafkaUsername === null) throw wrong(`--sasl ${kafkaSasl} needs --username (or TIDEMARK_KAFKA_USERNAME)`)
  const variable = environment[PASSWORD_VARIABLE] ?? ''
  const fromFile = kafkaPasswordFile !== null && (fileFirst || variable === '')
  const password = fromFile ? passwordIn(kafkaPasswordFile) : variable
  if (password === '') {
    throw wrong(
      `the password of ${kafkaUsername} is needed: set the variable ${PASSWORD_VARIABLE}, or name a file that has it by ` +
        '--password-file (it is never an argument: other processes could see it)',
    )
  }
  return { mechanism: kafkaSasl.toUpperCase(), username: kafkaUsername, password }
}

/** The file's first line: editors end it with a line break, which is no part of the password. */
function passwordIn(path: string): string {
  const [password = '', ...more] = textOf('--password-file', path).split(/\r?\n/)
  if (password !== '' && more.every((line) => line === '')) return password
  throw wrong(`--password-file ${path} has ${password === '' ? 'no password in its first line' : 'several lines'}`)
}

function pem(flag: string, path: string): string {
  const text = textOf(flag, path)
  if (text.includes('-----BEGIN ')) return text
  throw wrong(`${flag} ${path} is no file in PEM form (-----BEGIN ...). Convert it: openssl x509 or openssl pkcs12`)
}

function textOf(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const why = missing ? 'there is no such file' : cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError('ERR_KAFKA_OPTION', `${flag} ${path} cannot be read: ${why}`, { cause })
  }
}

function wrong(message: string): TidemarkError {
  return new TidemarkError('ERR_KAFKA_OPTION', message)
}
