import type { SettingSpec } from './settings.ts'

/** Mechanisms of SASL, as flags have them. */
export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512'

const MECHANISMS: readonly SaslMechanism[] = ['plain', 'scram-sha-256', 'scram-sha-512']

/** How brokers are reached. Passwords are no settings: they come from files and variables, and are never shown. */
export interface KafkaSettings {
  /** Null: the embedded system. */
  readonly brokers: readonly string[] | null
  readonly kafkaTls: boolean
  readonly kafkaTlsCa: string | null
  readonly kafkaTlsCert: string | null
  readonly kafkaTlsKey: string | null
  readonly kafkaSasl: SaslMechanism | null
  readonly kafkaUsername: string | null
  readonly kafkaPasswordFile: string | null
}

/** What is never an argument, where other processes would see it. */
export const PASSWORD_VARIABLE = 'TIDEMARK_KAFKA_PASSWORD'
export const KEY_PASSWORD_VARIABLE = 'TIDEMARK_KAFKA_TLS_KEY_PASSWORD'

function showText(value: unknown): string {
  return typeof value === 'string' ? value : 'none'
}

const text: Pick<SettingSpec, 'fallback' | 'read' | 'show'> = {
  fallback: null,
  read: (raw) => (typeof raw === 'string' && raw !== '' ? raw : undefined),
  show: showText,
}

const file: Pick<SettingSpec, 'argument' | 'fallback' | 'takes' | 'read' | 'show'> = {
  ...text,
  argument: '<file>',
  takes: 'the path of a file',
}

export const KAFKA_SETTINGS: readonly SettingSpec[] = [
  {
    key: 'brokers',
    name: 'kafka.brokers',
    variable: 'TIDEMARK_BROKERS',
    flag: '--brokers',
    argument: '<list>',
    about: 'Apache Kafka instead of the embedded system: host:port of some brokers, with commas between',
    fallback: null,
    takes: 'host:port, more of them after commas (in the configuration file: a list)',
    read: readBrokers,
    show: (value) => (value === null ? 'none' : (value as readonly string[]).join(',')),
  },
  {
    key: 'kafkaTls',
    name: 'kafka.tls',
    variable: 'TIDEMARK_KAFKA_TLS',
    flag: '--tls',
    argument: '',
    about: 'speak TLS to the brokers',
    fallback: false,
    takes: 'yes or no',
    read: (raw) => (raw === true || raw === 'yes' ? true : raw === false || raw === 'no' ? false : undefined),
    show: (value) => (value === true ? 'yes' : 'no'),
  },
  {
    key: 'kafkaTlsCa',
    name: 'kafka.tlsCa',
    variable: 'TIDEMARK_KAFKA_TLS_CA',
    flag: '--tls-ca',
    about: "certificates (PEM) that a broker's is checked by, instead of the system's; with TLS",
    ...file,
  },
  {
    key: 'kafkaTlsCert',
    name: 'kafka.tlsCert',
    variable: 'TIDEMARK_KAFKA_TLS_CERT',
    flag: '--tls-cert',
    about: 'certificate (PEM) of this client; with --tls-key',
    ...file,
  },
  {
    key: 'kafkaTlsKey',
    name: 'kafka.tlsKey',
    variable: 'TIDEMARK_KAFKA_TLS_KEY',
    flag: '--tls-key',
    about: `its private key (PEM); ${KEY_PASSWORD_VARIABLE} if it is encrypted`,
    ...file,
  },
  {
    key: 'kafkaSasl',
    name: 'kafka.sasl',
    variable: 'TIDEMARK_KAFKA_SASL',
    flag: '--sasl',
    argument: '<mechanism>',
    about: `log in: ${MECHANISMS.join(', ')}`,
    fallback: null,
    takes: MECHANISMS.join(', '),
    read: (raw) => MECHANISMS.find((mechanism) => typeof raw === 'string' && raw.toLowerCase() === mechanism),
    show: showText,
  },
  {
    key: 'kafkaUsername',
    name: 'kafka.username',
    variable: 'TIDEMARK_KAFKA_USERNAME',
    flag: '--username',
    argument: '<name>',
    about: 'who logs in',
    takes: 'a name',
    ...text,
  },
  {
    key: 'kafkaPasswordFile',
    name: 'kafka.passwordFile',
    variable: 'TIDEMARK_KAFKA_PASSWORD_FILE',
    flag: '--password-file',
    about: `the file with the password, unless ${PASSWORD_VARIABLE} has it`,
    ...file,
  },
]

/** What every command takes that can go to brokers. */
export const KAFKA_KEYS: readonly (keyof KafkaSettings)[] = KAFKA_SETTINGS.map(({ key }) => key as keyof KafkaSettings)

function readBrokers(raw: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = typeof raw === 'string' ? raw.split(',') : Array.isArray(raw) ? raw : []
  const brokers = list.map((each) => (typeof each === 'string' ? each.trim() : ''))
  return brokers.length > 0 && brokers.every((each) => each !== '') ? brokers : undefined
}
