import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, type ErrorDomain, type ErrorEntry, type ErrorRetry } from '../packages/tidemark/src/errors/entry.ts'
import { ERRORS } from '../packages/tidemark/src/errors/table.ts'
import { ROOT } from './lib/paths.ts'

const PAGE = 'docs/guide/errors.md'

const EXITS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'Done: the input has ended, or the job was drained as asked.',
  failed: 'The job or the command failed. The message names the record, stream, file or store.',
  usage: 'The command line, the configuration or the job module is wrong. Nothing was started.',
  input: 'A record of the input could not be read, and the policy is to fail.',
  locked: 'Another process has the data directory open.',
  data: 'Stored data is damaged. Nothing was changed; the message names the file.',
  disk: 'The disk is full or failed. What was committed is safe.',
  gaveUp: 'A container crashed too often in a row.',
  internal: 'A defect of Tidemark, or a Node that is too old.',
  interrupted: 'A second Ctrl-C (SIGINT) ended a run that was draining. What was committed is safe.',
}

const SIGNALS = `SIGINT, SIGTERM and SIGHUP drain a run, which then ends with 0. Otherwise (another command, or a run
that has not begun) a signal ends the process as it does any other: shells report 128 and the number of the signal, which is
130 for SIGINT and 143 for SIGTERM.`

const DOMAINS: Readonly<Record<ErrorDomain, string>> = {
  usage: 'Command line',
  config: 'Configuration and data directory',
  job: 'Jobs',
  input: 'Input',
  runtime: 'Running',
  log: 'Log and streams',
  kafka: 'Kafka',
  state: 'State',
  checkpoint: 'Checkpoints',
  disk: 'Disk',
  internal: 'Defects',
}

const RETRIES: Readonly<Record<ErrorRetry, string>> = {
  never: '',
  restart: '; starting again from the checkpoint may help',
  later: '; the same may succeed later',
}

function exitTable(): string {
  const names = Object.keys(EXIT) as (keyof typeof EXIT)[]
  const rows = names.map((name) => `| ${EXIT[name]} | ${EXITS[name]} |`)
  return ['| exit code | meaning |', '|---|---|', ...rows].join('\n')
}

function section(domain: ErrorDomain, errors: readonly (readonly [string, ErrorEntry])[]): string {
  const entries = errors.map(
    ([code, { about, retry, exit }]) => `- \`${code}\` (exit ${exit}${RETRIES[retry]}). ${about}`,
  )
  return `## ${DOMAINS[domain]}\n\n${entries.join('\n')}`
}

/** The page, from the table alone: the same table gives the same bytes. */
function page(): string {
  const all = Object.entries<ErrorEntry>(ERRORS).sort(([a], [b]) => (a < b ? -1 : 1))
  const domains = Object.keys(DOMAINS) as ErrorDomain[]
  const sections = domains.map((domain) => {
    const mine = all.filter(([, entry]) => entry.domain === domain)
    return mine.length === 0 ? null : section(domain, mine)
  })
  const parts = [
    '# Errors and exit codes',
    'Made by `npm run errors` from `packages/tidemark/src/errors`; changes go there.',
    'Every error is a `TidemarkError` with a stable `code`. The message says what happened, where, and what to do;\n' +
      '`details` has the same facts by name. The CLI ends with the exit code of its error. Unless a line says otherwise, trying again\n' +
      'without a change fails again.',
    exitTable(),
    SIGNALS,
    ...sections.filter((part) => part !== null),
  ]
  return `${parts.join('\n\n')}\n`
}

function main(): number {
  const path = join(ROOT, PAGE)
  const text = page()
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text)
    return 0
  }
  if (readFileSync(path, 'utf8') === text) return 0
  console.log(`${PAGE} does not match the table of errors: run "npm run errors" and commit the page`)
  return 1
}

process.exitCode = main()
