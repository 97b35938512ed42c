/*
 * The configuration of a broker that is its own controller, for one node or three. Defaults are Kafka's, except where one
 * machine, tests and records of past years need something else.
 */

/** Listeners beside the plain one. Their certificates, users and passwords are below and in kafka-programs.ts. */
export type SecureListener = 'SSL' | 'MUTUAL_SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
export const SECURE_LISTENERS: readonly SecureListener[] = ['SSL', 'MUTUAL_SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** Users of the SASL listeners, by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. With an authorizer each needs its rights. */
export const KAFKA_USERS: Readonly<Record<string, string>> = { tidemark: 'tidemark-secret', guest: 'guest-secret' }

/** The password of the key stores, which hold keys for tests alone. */
export const STORE_PASSWORD = 'tidemark-tests'

/** Ports on which a node listens. */
export interface NodePorts {
  /** For clients, without TLS or SASL. */
  readonly plain: number
  /** What clients are told instead of `plain`: the port of a proxy. */
  readonly advertised: number
  /** Between brokers; a client that starts here never meets the proxy. */
  readonly inner: number
  readonly controller: number
  readonly secure: Readonly<Partial<Record<SecureListener, number>>>
}

export interface KafkaNode {
  /** From 1. */
  readonly id: number
  /** The directory of its log segments. */
  readonly data: string
  readonly ports: NodePorts
}

const INNER = 'INNER'
const CONTROLLER = 'CONTROLLER'

/** The text of a server.properties; `more` wins over the settings of this file. */
export function serverProperties(
  node: KafkaNode,
  nodes: readonly KafkaNode[],
  keys: string,
  more: Readonly<Record<string, string>>,
): string {
  const settings = { ...forOneMachine(nodes.length), ...identity(node, nodes), ...security(node, keys), ...more }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('')
}

function identity(node: KafkaNode, nodes: readonly KafkaNode[]): Record<string, string> {
  const { plain, advertised, inner, controller, secure } = node.ports
  const all: (readonly [name: string, port: number, told: number])[] = [
    ['PLAINTEXT', plain, advertised],
    [INNER, inner, inner],
  ]
  for (const name of SECURE_LISTENERS) {
    const port = secure[name]
    if (port !== undefined) all.push([name, port, port])
  }
  const at = (name: string, port: number): string => `${name}://127.0.0.1:${port}`
  const protocols = [
    ...all.map(([name]) => `${name}:${name === INNER ? 'PLAINTEXT' : name === 'MUTUAL_SSL' ? 'SSL' : name}`),
    `${CONTROLLER}:PLAINTEXT`,
  ]
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': nodes.map(({ id, ports }) => `${id}@127.0.0.1:${ports.controller}`).join(','),
    'log.dirs': node.data,
    listeners: [...all.map(([name, port]) => at(name, port)), at(CONTROLLER, controller)].join(','),
    'advertised.listeners': all.map(([name, , told]) => at(name, told)).join(','),
    'listener.security.protocol.map': protocols.join(','),
    'inter.broker.listener.name': INNER,
    'controller.listener.names': CONTROLLER,
  }
}

function forOneMachine(nodes: number): Record<string, string> {
  const copies = String(nodes)
  const inSync = String(Math.min(2, nodes))
  return {
    'auto.create.topics.enable': 'false',
    'default.replication.factor': copies,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': '2',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '2',
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '1',
    // Tests write records of past years: nothing may delete them.
    'log.retention.ms': '-1',
    'group.initial.rebalance.delay.ms': '0',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'background.threads': '2',
    // 128 MiB by default, from a heap of 512.
    'log.cleaner.dedupe.buffer.size': String(16 << 20),
    // A broker that was killed and comes back at once waits until its session of before has ended (9 s by default).
    'broker.session.timeout.ms': nodes === 1 ? '1000' : '2000',
    'broker.heartbeat.interval.ms': '300',
  }
}

/** Settings of TLS and SASL; they have no effect without a listener that uses them. */
function security(node: KafkaNode, keys: string): Record<string, string> {
  const names = SECURE_LISTENERS.filter((name) => node.ports.secure[name] !== undefined)
  if (names.length === 0) return {}
  const settings: Record<string, string> = {
    'ssl.keystore.location': `${keys}/server.p12`,
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.password': STORE_PASSWORD,
    'ssl.key.password': STORE_PASSWORD,
    'ssl.truststore.location': `${keys}/trusted.p12`,
    'ssl.truststore.type': 'PKCS12',
    'ssl.truststore.password': STORE_PASSWORD,
  }
  for (const name of names) {
    if (name === 'SSL') continue
    const prefix = `listener.name.${name.toLowerCase()}`
    if (name === 'MUTUAL_SSL') {
      // Clients have to show a certificate that the brokers trust.
      settings[`${prefix}.ssl.client.auth`] = 'required'
      continue
    }
    settings[`${prefix}.sasl.enabled.mechanisms`] = 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512'
    settings[`${prefix}.plain.sasl.jaas.config`] = plainLogin()
    for (const mechanism of ['scram-sha-256', 'scram-sha-512']) {
      const login = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
      settings[`${prefix}.${mechanism}.sasl.jaas.config`] = login
    }
  }
  return settings
}

function plainLogin(): string {
  const users = Object.entries(KAFKA_USERS).map(([name, password]) => `user_${name}="${password}"`)
  return `org.apache.kafka.common.security.plain.PlainLoginModule required ${users.join(' ')};`
}
