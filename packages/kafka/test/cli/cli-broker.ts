import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KAFKA_KEYS } from '../../../../scripts/lib/services/kafka-programs.ts'
import { KAFKA_USERS } from '../../../../scripts/lib/services/kafka-settings.ts'
import { runCli } from '../../../tidemark/src/cli/program.ts'
import { FakeTerminal, fakeContext } from '../../../tidemark/test/cli/fake-terminal.ts'
import type { Outcome } from '../../../tidemark/test/cli/spawn.ts'
import { SuiteBroker } from '../suite-broker.ts'

/**
 * A broker for the command line's tests: the plain listener is for those who may do anything, the one with TLS and SASL
 * knows `tidemark`, who may too, and `guest`, who needs each right.
 */
class CliBroker extends SuiteBroker {
  #inputs = 0

  constructor() {
    super('cli', {
      listeners: ['SASL_SSL'],
      config: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS;User:tidemark',
      },
    })
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
