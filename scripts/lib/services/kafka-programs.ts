import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { PROGRAMS } from './service.ts'
import { KAFKA_USERS, type KafkaNode, serverProperties, STORE_PASSWORD } from './kafka-settings.ts'

/*
 * What is kept of Kafka (Apache-2.0) for all checkouts of a user: the jars of the broker, its tools, clients and Kafka
 * Streams, by one call of Maven; formatted directories of three nodes, so that a test need not start a JVM to make one;
 * keys for TLS. All of it appears at once, or not at all.
 */
export const KAFKA_VERSION = '4.3.1'
const HOME = join(PROGRAMS, `kafka-${KAFKA_VERSION}`)
/** Goes up when something else is kept. */
const LAYOUT = '1'
const CLUSTER = 'tidemarkTestsAAAAAAAAA'
const MOST_NODES = 3

const ARTIFACTS: readonly (readonly [group: string, artifact: string, version: string])[] = [
  ['org.apache.kafka', 'kafka_2.13', KAFKA_VERSION],
  ['org.apache.kafka', 'kafka-tools', KAFKA_VERSION],
  ['org.apache.kafka', 'kafka-streams', KAFKA_VERSION],
  ['org.slf4j', 'slf4j-nop', '1.7.36'],
]

/** Classes that the JVM maps rather than loads, so that it starts faster. Made by a run of the broker and clients. */
export const CLASSES: string = join(HOME, 'used-classes.jsa')
/** The class path, as an argument file of `java`. */
const CLASS_PATH = join(HOME, 'class-path')

/** Key stores and certificates of the TLS listeners. Clients trust `server.pem`; brokers trust the key in `client.p12`. */
export const KAFKA_KEYS: string = join(HOME, 'keys')

/** The program of the JDK that is used: of JAVA_HOME, else of the path. */
export function jdk(program: string): string {
  const home = process.env['JAVA_HOME']
  return home === undefined || home === '' ? program : join(home, 'bin', program)
}

/** Why there is no Kafka on this machine; null if there is one. */
export function kafkaMissing(): string | null {
  const install = 'scripts/services kafka install'
  if (!canRun(jdk('java'))) return `no Java on this machine: install JDK 17 and Maven, then ${install}`
  return installed() ? null : `no Kafka on this machine: ${install} (needs JDK 17 and Maven)`
}

function installed(): boolean {
  const file = join(HOME, 'layout')
  return existsSync(file) && readFileSync(file, 'utf8') === LAYOUT
}

function canRun(program: string): boolean {
  if (program.includes('/')) return existsSync(program)
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Arguments of `java` that run a class of Kafka's jars, or a source file against them. */
export function javaArguments(...more: readonly string[]): string[] {
  const shared = existsSync(CLASSES) ? [`-XX:SharedArchiveFile=${CLASSES}`] : []
  return [...shared, `@${CLASS_PATH}`, ...more]
}

/** Arguments of `java` that run a class of one's own, compiled against Kafka's jars. */
export function ownClassArguments(directory: string, ...more: readonly string[]): string[] {
  return [...javaArguments(), '-cp', [...jars(), directory].join(delimiter), ...more]
}

/**
 * Compiles a Java source file against Kafka's jars, once for each content; the directory with its classes. `java FILE` would
 * compile it at each start, which takes longer than what it is started for.
 */
export function compiledClasses(source: string): string {
  const text = readFileSync(source)
  const directory = join(PROGRAMS, `classes-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`)
  if (existsSync(directory)) return directory
  const build = `${directory}-${process.pid}`
  try {
    run(jdk('javac'), ['-d', build, '-cp', jars().join(delimiter), source])
    renameSync(build, directory)
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(directory)) throw error
  } finally {
    rmSync(build, { recursive: true, force: true })
  }
  return directory
}

function jars(): string[] {
  const directory = join(HOME, 'jars')
  return readdirSync(directory)
    .toSorted()
    .map((jar) => join(directory, jar))
}

/** Gets everything, unless it is there. */
export function installKafka(): void {
  if (installed()) return
  for (const program of [jdk('java'), jdk('keytool'), 'mvn']) {
    if (!canRun(program)) throw new Error(`Kafka needs JDK 17 and Maven: there is no ${program}. Install them first`)
  }
  const build = `${HOME}-${process.pid}`
  rmSync(build, { recursive: true, force: true })
  mkdirSync(build, { recursive: true })
  try {
    fetchJars(build)
    const names = readdirSync(join(build, 'jars')).toSorted()
    writeFileSync(join(build, 'class-path'), `-cp\n"${names.map((jar) => join(HOME, 'jars', jar)).join(delimiter)}"\n`)
    makeKeys(join(build, 'keys'))
    for (let id = 1; id <= MOST_NODES; id++) formatNode(build, id)
    writeFileSync(join(build, 'layout'), LAYOUT)
    takeOver(build)
  } finally {
    rmSync(build, { recursive: true, force: true })
  }
}

/** Another process may have been faster; one older layout makes room. */
function takeOver(build: string): void {
  if (installed()) return
  rmSync(HOME, { recursive: true, force: true })
  renameSync(build, HOME)
}

function fetchJars(build: string): void {
  const dependencies = ARTIFACTS.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  )
  writeFileSync(
    join(build, 'pom.xml'),
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
  <groupId>tidemark</groupId><artifactId>services</artifactId><version>1</version>
  <dependencies>${dependencies.join('\n')}</dependencies>
</project>
`,
  )
  run('mvn', ['-q', '-B', '-f', join(build, 'pom.xml'), 'dependency:copy-dependencies', '-DoutputDirectory=jars'])
}

/** A directory as `format` makes it, without the name of the place where it will be used. */
function formatNode(build: string, id: number): void {
  const data = join(build, 'formatted', String(id))
  const nodes = Array.from({ length: MOST_NODES }, (_, at) => anyNode(at + 1, data))
  const properties = join(build, `format-${id}.properties`)
  writeFileSync(properties, serverProperties(anyNode(id, data), nodes, KAFKA_KEYS, {}))
  const users = Object.entries(KAFKA_USERS).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((by) => ['--add-scram', `${by}=[name=${name},password=${password}]`]),
  )
  const tool = ['-cp', join(build, 'jars', '*'), 'kafka.tools.StorageTool', 'format']
  run(jdk('java'), [...tool, '--cluster-id', CLUSTER, '--config', properties, ...users])
}

function anyNode(id: number, data: string): KafkaNode {
  return { id, data, ports: { plain: 1, advertised: 1, inner: 2, controller: 3 + id, secure: {} } }
}

/** Puts the formatted directory of a node in its place, unless there is one. */
export function formatted({ id, data }: KafkaNode): void {
  if (existsSync(join(data, 'meta.properties'))) return
  mkdirSync(data, { recursive: true })
  cpSync(join(HOME, 'formatted', String(id)), data, { recursive: true })
}

/** A key for the brokers, which clients trust by its certificate, and one for clients, which the brokers trust. */
function makeKeys(directory: string): void {
  mkdirSync(directory, { recursive: true })
  const keytool = (...args: string[]): void => run(jdk('keytool'), args)
  for (const name of ['server', 'client']) {
    const store = ['-keystore', join(directory, `${name}.p12`), '-storetype', 'PKCS12', '-storepass', STORE_PASSWORD]
    const what = ['-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '3650', '-dname', `CN=${name}`]
    keytool('-genkeypair', '-alias', name, ...store, ...what, '-ext', 'SAN=IP:127.0.0.1,DNS:localhost')
    keytool('-exportcert', '-rfc', '-alias', name, ...store, '-file', join(directory, `${name}.pem`))
  }
  const trusted = ['-keystore', join(directory, 'trusted.p12'), '-storetype', 'PKCS12', '-storepass', STORE_PASSWORD]
  keytool('-importcert', '-noprompt', '-alias', 'client', ...trusted, '-file', join(directory, 'client.pem'))
}

function run(command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (result.status === 0) return
  const output = `${result.stdout}${result.stderr}`.slice(-4000)
  throw new Error(`${command} ${args.slice(0, 6).join(' ')} failed: ${result.error?.message ?? output}`)
}
