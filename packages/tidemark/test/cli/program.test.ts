import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { makeProgram, runCli } from '../../src/cli/program.ts'
import { FakeTerminal, fakeContext } from './fake-terminal.ts'
import { temporary, VISITS_JOB } from './temporary.ts'

const root = temporary({ 'package.json': '{"type":"module"}', 'visits.job.ts': VISITS_JOB })
const GOLDEN = new URL('../fixtures/golden/', import.meta.url).pathname

interface Outcome {
  readonly exit: number
  readonly out: string
  readonly error: string
}

async function cli(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const context = fakeContext({ cwd: root, environment })
  const exit = await runCli(args, context)
  return { exit, out: context.terminal.out, error: context.terminal.error }
}

/** The one JSON object on standard error. */
function errorOf(outcome: Outcome): { readonly code: string | null; readonly message: string; readonly exit: number } {
  return (JSON.parse(outcome.error) as { error: { code: string; message: string; exit: number } }).error
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

test('every command has a description, help with an example, and --json', () => {
  const commands = leaves(makeProgram(fakeContext()))
  assert.ok(commands.length >= 12)
  for (const command of commands) {
    let help = ''
    command.configureOutput({ writeOut: (text) => void (help += text) })
    command.outputHelp()
    assert.match(command.description(), /^[a-z]/, command.name())
    assert.match(help, /Examples:\n {2}/, command.name())
    assert.match(help, /Exit codes/, command.name())
    assert.match(help, /--json/, command.name())
  }
})

test('ERR_UNKNOWN_FLAG and ERR_UNKNOWN_COMMAND give the nearest name and exit 2', async () => {
  const flag = await cli(['run', 'visits.job.ts', '--dta-dir', 'x'])
  assert.equal(flag.exit, 2)
  assert.match(flag.error, /unknown flag --dta-dir\. Did you mean --data-dir\?/)
  assert.match(flag.error, /ERR_UNKNOWN_FLAG/)
  assert.match(flag.error, /tidemark run --help/)
  const command = await cli(['streems'])
  assert.equal(command.exit, 2)
  assert.match(command.error, /unknown command "tidemark streems"\. Did you mean streams\?/)
  const inner = await cli(['state', 'scam', '--json'])
  assert.equal(errorOf(inner).code, 'ERR_UNKNOWN_COMMAND')
  assert.match(errorOf(inner).message, /Did you mean scan\?/)
})

test('ERR_USAGE for a missing or surplus argument and for a flag without its value', async () => {
  for (const args of [['run'], ['plan', 'a', 'b'], ['run', 'a', '--json', '--partitions']]) {
    const outcome = await cli(args.includes('--json') ? args : [...args, '--json'])
    assert.equal(outcome.exit, 2, args.join(' '))
    assert.equal(errorOf(outcome).code, 'ERR_USAGE', args.join(' '))
  }
  const shell = await cli(['completion', 'tcsh'])
  assert.equal(shell.exit, 2)
  assert.match(shell.error, /Allowed choices are bash, zsh, fish/)
  const group = await cli(['state'])
  assert.equal(group.exit, 2)
  assert.match(group.error, /tidemark state needs one of: get, scan/)
})

test('an error is one JSON object on standard error with --json, text with code and hint without', async () => {
  const json = await cli(['plan', 'nope.ts', '--json'])
  assert.equal(json.exit, 2)
  assert.equal(json.out, '')
  assert.equal(errorOf(json).code, 'ERR_JOB_NOT_FOUND')
  assert.equal(errorOf(json).exit, 2)
  const text = await cli(['plan', 'nope.ts'])
  assert.match(text.error, /^tidemark: there is no file .*\n {2}code {2}ERR_JOB_NOT_FOUND\n {2}hint {2}.+\n$/)
  const debug = await cli(['plan', 'nope.ts'], { TIDEMARK_DEBUG: '1' })
  assert.match(debug.error, /\n {4}at /)
})

test('plan prints text and JSON', async () => {
  const text = await cli(['plan', 'visits.job.ts', '--partitions', '3'])
  assert.equal(text.exit, 0, text.error)
  assert.match(text.out, /job visits: 3 tasks/)
  const json = await cli(['plan', 'visits.job.ts', '--json'])
  assert.equal((JSON.parse(json.out) as { tasks: number }).tasks, 4)
})

test('config keeps names whole in a narrow terminal, and leaves out variables, then flags', async () => {
  const shown = async (columns: number): Promise<string> => {
    const terminal = new FakeTerminal({ isTerminal: true, columns })
    await runCli(['config'], fakeContext({ cwd: '/tmp', terminal }))
    for (const line of terminal.out.trimEnd().split('\n')) assert.ok(line.length <= columns, line)
    return terminal.out
  }
  const narrow = await shown(80)
  assert.match(narrow, /^checkpoint\.uploadInterval {2}10s/m)
  assert.doesNotMatch(narrow, /--|TIDEMARK/)
  const wide = await shown(120)
  assert.match(wide, /--checkpoint-upload-interval$/m)
  assert.match(await shown(200), /TIDEMARK_CHECKPOINT_UPLOAD_INTERVAL$/m)
})

test('config prints each value and where it came from', async () => {
  const text = await cli(['config', '--commit-interval', '200ms'])
  assert.match(text.out, /commit\.interval +200ms +--commit-interval/)
  const json = await cli(['config', '--json'], { TIDEMARK_PARTITIONS: '9' })
  const parsed = JSON.parse(json.out) as Record<string, unknown>
  assert.deepEqual(parsed['partitions'], { value: 9, source: 'TIDEMARK_PARTITIONS' })
  const wrong = await cli(['config', '--json'], { TIDEMARK_PARTITION: '9' })
  assert.equal(wrong.exit, 2)
  assert.equal(errorOf(wrong).code, 'ERR_CONFIG_UNKNOWN')
})

test('wrong inputs and outputs of run are told before anything is made', async () => {
  const unknown = await cli(['run', 'visits.job.ts', '--in', 'vists=x.jsonl', '--json'])
  assert.equal(errorOf(unknown).code, 'ERR_CONFIG_UNKNOWN')
  assert.match(errorOf(unknown).message, /Did you mean "visits"\?/)
  const missing = await cli(['run', 'visits.job.ts', '--in', 'visits=missing.jsonl', '--json'])
  assert.equal(errorOf(missing).code, 'ERR_FILE_NOT_FOUND')
  const output = await cli(['run', 'visits.job.ts', '--in', 'visits=-', '--out', 'visit-by-user=-', '--json'])
  assert.equal(errorOf(output).code, 'ERR_CONFIG_UNKNOWN')
  const twice = await cli(['run', 'visits.job.ts', '--in', 'visits=-', '--in', 'visits=-', '--json'])
  assert.equal(errorOf(twice).code, 'ERR_USAGE')
})

test('log dump prints the golden records', async () => {
  for (const name of ['none', 'gzip', 'zstd']) {
    const { out, exit } = await cli(['log', 'dump', join(GOLDEN, `golden-${name}.log`), '--json'])
    assert.equal(exit, 0)
    assert.equal(out, readFileSync(join(GOLDEN, `golden-${name}.jsonl`), 'utf8'))
  }
  const snappy = await cli(['log', 'dump', join(GOLDEN, 'golden-snappy.log'), '--json'])
  assert.equal(snappy.exit, 5)
  assert.equal(errorOf(snappy).code, 'ERR_CODEC_UNSUPPORTED')
  const text = await cli(['log', 'dump', join(GOLDEN, 'golden-none.log')])
  assert.match(text.out, /^0 {2}2023-11-14T22:13:20Z {2}"ключ-0" {2}0x/)
  assert.equal((await cli(['log', 'dump', 'missing.log'])).exit, 2)
})

test('log dump of another kind of file says so; one with the name of a segment is damaged', async () => {
  for (const [name, bytes] of [
    ['notes.txt', 'These are notes, and no record batches. They are longer than the header of a batch.'],
    ['short.log', 'short'],
  ] as const) {
    writeFileSync(join(root, name), bytes)
    const outcome = await cli(['log', 'dump', name, '--json'])
    assert.equal(outcome.exit, 2)
    assert.equal(errorOf(outcome).code, 'ERR_USAGE')
    assert.match(errorOf(outcome).message, /is no segment file of record batches/)
  }
  writeFileSync(join(root, `${'0'.repeat(20)}.log`), 'not even a header')
  const damaged = await cli(['log', 'dump', `${'0'.repeat(20)}.log`, '--json'])
  assert.deepEqual([damaged.exit, errorOf(damaged).code], [5, 'ERR_BATCH_CORRUPT'])
  writeFileSync(join(root, 'empty.log'), '')
  assert.deepEqual(await cli(['log', 'dump', 'empty.log', '--json']), { exit: 0, out: '', error: '' })
})

test('dev of a job that is not there ends with an error; it would wait for ever', async () => {
  const missing = await cli(['dev', 'nosuch.ts', '--json'])
  assert.deepEqual([missing.exit, errorOf(missing).code], [2, 'ERR_JOB_NOT_FOUND'])
  assert.equal(errorOf(await cli(['dev', 'package.json', '--json'])).code, 'ERR_JOB_NOT_A_JOB')
})

test('log dump --committed hides what is not committed', async () => {
  // The file has the start of a partition: data of transactions, and no marker yet.
  const file = join(GOLDEN, 'golden-txn.log')
  const all = await cli(['log', 'dump', file, '--json'])
  assert.ok(all.out.length > 0)
  assert.ok(readFileSync(join(GOLDEN, 'golden-txn.uncommitted.jsonl'), 'utf8').startsWith(all.out))
  const committed = await cli(['log', 'dump', file, '--committed', '--json'])
  assert.deepEqual([committed.exit, committed.out], [0, ''])
})

test('commands on a directory without data say so and exit 2', async () => {
  for (const args of [
    ['streams', 'list'],
    ['streams', 'read', 'visits'],
    ['streams', 'write', 'visits'],
    ['state', 'scan', '--store', 's'],
    ['state', 'get', '--store', 's', '--key', 'k'],
    ['checkpoint', 'list'],
  ]) {
    const outcome = await cli([...args, '--data-dir', 'no-such-dir', '--json'])
    assert.equal(outcome.exit, 2, args.join(' '))
    assert.equal(errorOf(outcome).code, 'ERR_NOT_A_DATA_DIR', args.join(' '))
  }
})

test('a data directory that is a file, and a dump of a directory', async () => {
  const file = await cli(['streams', 'list', '--data-dir', 'visits.job.ts', '--json'])
  assert.equal(errorOf(file).code, 'ERR_CONFIG_VALUE')
  assert.match(errorOf(file).message, /^--data-dir: .* is a file/)
  const directory = await cli(['log', 'dump', '.', '--json'])
  assert.equal(errorOf(directory).code, 'ERR_USAGE')
})

test('completion scripts name the commands and their flags', async () => {
  const bash = await cli(['completion', 'bash'])
  assert.match(bash.out, /'state scan'\) words='.*--prefix.*--data-dir.*' ;;/)
  assert.match(bash.out, /complete -o default -F _tidemark tidemark/)
  assert.match((await cli(['completion', 'zsh'])).out, /bashcompinit/)
  assert.match((await cli(['completion', 'fish'])).out, /complete -c tidemark -n '__fish_use_subcommand' -a run/)
  const json = JSON.parse((await cli(['completion', 'bash', '--json'])).out) as { shell: string; script: string }
  assert.deepEqual([json.shell, `${json.script}\n`], ['bash', bash.out])
})
