import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type KafkaConnection, systemOf } from '../../src/cli/kafka-system.ts'
import { resolveSettings } from '../../src/cli/resolve-settings.ts'
import { flagName } from '../../src/cli/context.ts'
import { KAFKA_SETTINGS } from '../../src/cli/kafka-settings.ts'
import { temporary, TIDEMARK } from './temporary.ts'

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'

/** What the package is asked for by a command line, in a directory with these files; undefined: it is not asked. */
async function asked(
  flags: Readonly<Record<string, string | true>>,
  environment: NodeJS.ProcessEnv = {},
  files: Readonly<Record<string, string>> = {},
): Promise<KafkaConnection | undefined> {
  const cwd = temporary(files)
  const options = Object.fromEntries(Object.entries(flags).map(([flag, value]) => [flagName(flag), value]))
  const keyed = Object.fromEntries(KAFKA_SETTINGS.map(({ key, flag }) => [key, flags[flag]]))
  const { settings } = await resolveSettings({ cwd, environment, flags: keyed })
  let connection: KafkaConnection | undefined
  const module = { kafka: (given: KafkaConnection) => void (connection = given) }
  systemOf(options, settings, environment, () => module)
  return connection
}

test('--brokers without the package says how to install it', async () => {
  const missing = (): never => {
    throw new Error("Cannot find module '@tidemark/kafka'")
  }
  const { settings } = await resolveSettings({
    cwd: temporary(),
    environment: {},
    flags: { brokers: 'localhost:9092' },
  })
  assert.throws(() => systemOf({ brokers: 'localhost:9092' }, settings, {}, missing), {
    code: 'ERR_KAFKA_PACKAGE',
    message: /npm install @tidemark\/kafka@/,
  })
})

test('brokers come from the flag, the variable or the file; without them the system is the embedded one', async () => {
  assert.deepEqual(await asked({ '--brokers': 'a:1, b:2' }), { brokers: ['a:1', 'b:2'] })
  assert.deepEqual(await asked({}, { TIDEMARK_BROKERS: 'a:1' }), { brokers: ['a:1'] })
  const config = `import { defineConfig } from '${TIDEMARK}'
    export default defineConfig({ kafka: { brokers: ['a:1', 'b:2'], tlsCa: 'ca.pem' } })`
  const files = { 'package.json': '{"type":"module"}', 'tidemark.config.ts': config, 'ca.pem': PEM }
  assert.deepEqual(await asked({}, {}, files), { brokers: ['a:1', 'b:2'], tls: { ca: PEM } })
  assert.equal(await asked({}), undefined)
  await assert.rejects(asked({ '--brokers': 'a:1,,b:2' }), { code: 'ERR_CONFIG_VALUE', message: /host:port/ })
})

test('TLS: by the flag, or by a file of it; a key and its certificate go together', async () => {
  assert.deepEqual(await asked({ '--brokers': 'a:1', '--tls': true }), { brokers: ['a:1'], tls: {} })
  const files = { 'a.pem': PEM, 'key.pem': PEM, 'odd.p12': 'binary' }
  const flags = { '--brokers': 'a:1', '--tls-cert': 'a.pem' }
  const whole = await asked({ ...flags, '--tls-key': 'key.pem' }, { TIDEMARK_KAFKA_TLS_KEY_PASSWORD: 'open' }, files)
  assert.deepEqual(whole?.tls, { cert: PEM, key: PEM, passphrase: 'open' })
  await assert.rejects(asked(flags, {}, files), { code: 'ERR_KAFKA_OPTION', message: /without --tls-key/ })
  const wrong = (path: string): Promise<unknown> => asked({ '--brokers': 'a:1', '--tls-ca': path }, {}, files)
  await assert.rejects(wrong('odd.p12'), { code: 'ERR_KAFKA_OPTION', message: /odd\.p12 is no file in PEM form/ })
  await assert.rejects(wrong('gone.pem'), {
    code: 'ERR_KAFKA_OPTION',
    message: /gone\.pem cannot be read: there is no/,
  })
})

test('SASL: the password is in a variable or a file, and a file that a flag names wins', async () => {
  const flags = { '--brokers': 'a:1', '--sasl': 'scram-sha-512', '--username': 'ada' }
  const variable = { TIDEMARK_KAFKA_PASSWORD: 'by variable' }
  const sasl = { mechanism: 'SCRAM-SHA-512', username: 'ada', password: 'by variable' }
  assert.deepEqual((await asked(flags, variable))?.sasl, sasl)
  const files = { secret: 'by file\n', two: 'a\nb\n' }
  const named = { ...flags, '--password-file': 'secret' }
  assert.deepEqual((await asked(named, variable, files))?.sasl, { ...sasl, password: 'by file' })
  const byFile = { ...variable, TIDEMARK_KAFKA_PASSWORD_FILE: 'secret' }
  assert.deepEqual((await asked(flags, byFile, files))?.sasl, sasl)
  await assert.rejects(asked(flags), {
    code: 'ERR_KAFKA_OPTION',
    message: /TIDEMARK_KAFKA_PASSWORD, or .*--password-file/,
  })
  await assert.rejects(asked({ ...flags, '--password-file': 'two' }, {}, files), { message: /several lines/ })
  await assert.rejects(asked({ '--brokers': 'a:1', '--username': 'ada' }), { message: /without --sasl/ })
  await assert.rejects(asked({ '--brokers': 'a:1', '--sasl': 'plain' }, variable), { message: /needs --username/ })
  await assert.rejects(asked({ '--brokers': 'a:1', '--sasl': 'gssapi' }), { code: 'ERR_CONFIG_VALUE' })
})

test('--no-wait is handed on: whoever runs the job is not waited for', async () => {
  const cwd = temporary()
  const { settings } = await resolveSettings({ cwd, environment: {}, flags: { brokers: 'a:1' } })
  const given: unknown[] = []
  const module = { kafka: (connection: KafkaConnection) => void given.push(connection) }
  systemOf({ brokers: 'a:1', wait: false }, settings, {}, () => module)
  assert.deepEqual(given, [{ brokers: ['a:1'], wait: false }])
})

test('ERR_USAGE for a flag of Kafka without brokers', async () => {
  await assert.rejects(asked({ '--tls': true }), { code: 'ERR_USAGE', message: /--tls is about Kafka: .*--brokers/ })
})

test('a path of a variable is relative to the working directory', async () => {
  const cwd = temporary({ 'ca.pem': PEM })
  const environment = { TIDEMARK_KAFKA_TLS_CA: 'ca.pem' }
  const { settings } = await resolveSettings({ cwd, environment, flags: {} })
  assert.equal(settings.kafkaTlsCa, join(cwd, 'ca.pem'))
})
