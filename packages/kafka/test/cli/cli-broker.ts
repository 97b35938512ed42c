import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { kafkaMissing, KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import { KAFKA_KEYS } from '../../../../scripts/lib/services/kafka-programs.ts'
import { KAFKA_USERS } from '../../../../scripts/lib/services/kafka-settings.ts'
import { runCli } from '../../../tidemark/src/cli/program.ts'
import { FakeTerminal, fakeContext } from '../../../tidemark/test/cli/fake-terminal.ts'
import type { Outcome } from '../../../tidemark/test/cli/spawn.ts'
import { JavaPeer } from '../java/java-peer.ts'

/**
 * A broker for the command line's tests: the plain listener is for those who may do anything, the one with TLS and SASL
 * knows `tidemark`, who may too, and `guest`, who needs each right.
 */
class CliBroker {
  readonly root: string = mkdtempSync(join(tmpdir(), 'tidemark-kafka-cli-'))
  #server: KafkaServer | null = null
  #peer: JavaPeer | null = null
  #inputs = 0

  /** Hooks of the whole file start and stop it. */
  constructor() {
    if (kafkaMissing() !== null) return
    before(async () => {
      this.#server = await KafkaServer.start(join(this.root, 'kafka'), {
        listeners: ['SASL_SSL'],
        config: {
          'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'super.users': 'User:ANONYMOUS;User:tidemark',
        },
      })
      this.#peer = await JavaPeer.start(this.#server.brokers)
    })
    after(async () => {
      await this.#peer?.kill()
      await this.#server?.stop()
      rmSync(this.root, { recursive: true, force: true })
    })
  }

  get server(): KafkaServer {
    if (this.#server === null) throw new Error('the broker was not started')
    return this.#server
  }

  get peer(): JavaPeer {
    if (this.#peer === null) throw new Error('the peer was not started')
    return this.#peer
  }

  /** Flags and variables of a user who logs in over TLS. */
  login(user: 'tidemark' | 'guest'): { readonly flags: readonly string[]; readonly environment: NodeJS.ProcessEnv } {
    const flags = ['--brokers', this.server.secure('SASL_SSL'), '--tls-ca', join(KAFKA_KEYS, 'server.pem')]
    return {
      flags: [...flags, '--sasl', 'scram-sha-256', '--username', user],
      environment: { TIDEMARK_KAFKA_PASSWORD: KAFKA_USERS[user] ?? '' },
    }
  }

  /**
   * Runs a command to its end, in this process, which is much faster than another one; by default on the plain listener.
   * `input`: what is in the file that becomes its last argument.
   */
  async run(
    args: readonly string[],
    more: { readonly input?: string; readonly environment?: NodeJS.ProcessEnv; readonly terminal?: FakeTerminal } = {},
  ): Promise<Outcome> {
    const terminal = more.terminal ?? new FakeTerminal()
    const environment = { TIDEMARK_BROKERS: this.server.brokers, ...more.environment }
    const files: string[] = []
    if (more.input !== undefined) {
      files.push(join(this.root, `input-${++this.#inputs}`))
      writeFileSync(files[0] as string, more.input)
    }
    const exit = await runCli([...args, ...files], fakeContext({ cwd: this.root, environment, terminal }))
    return { exit, signal: null, out: terminal.out, error: terminal.error }
  }
}

/** The one broker that all suites of a file share. */
export const kafka: CliBroker = new CliBroker()

/** Each line of standard output as JSON. */
export function rowsOf<T>(outcome: Outcome): T[] {
  if (outcome.exit !== 0) throw new Error(`exit code ${outcome.exit}: ${outcome.error}`)
  return outcome.out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}
