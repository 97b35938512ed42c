import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stateFigures } from '../state-figures.ts'

async function figures(...args: string[]): Promise<{ readonly code: number; readonly lines: string[] }> {
  const lines: string[] = []
  const code = await stateFigures(args, (line) => lines.push(line))
  return { code, lines }
}

test('a small state is measured: commits, restarts and space, as ratios', async () => {
  const { code, lines } = await figures('commit', 'restart', 'space', '--keys', '20000', '--rounds', '1')
  assert.equal(code, 0)
  const text = lines.join('\n')
  for (const line of [
    /^\$ npm run bench -- state commit restart space --keys 20000 --rounds 1$/m,
    /^ {2}start of the process to the first get answered: [\d.]+ ms of at most 1000 ms, ratio [\d.]+: (met|MISSED)$/m,
    /^ {2}read of files at opening, and by the first get: [\d.]+ and [\d.]+ KiB of [\d.]+ MiB$/m,
    /^ {2}whole commit: [\d.]+ {2}\([\d.]+ ms \/ [\d.]+ ms, goal 2: (met|MISSED)\)$/m,
    /^ {2}after it, no merge in flight: [\d.]+ x of at most 2.00 x/m,
  ]) {
    assert.match(text, line)
  }
  assert.ok(!text.includes('NaN'), text)
})

test('a job is restarted with its state', async () => {
  const { code, lines } = await figures('job', '--keys', '10000', '--rounds', '1')
  assert.equal(code, 0)
  assert.match(lines.join('\n'), /^ {2}start of the process to the first message in a handler: [1-9]\d* ms/m)
})

test('what cannot be measured is a matter of usage', async () => {
  for (const args of [['nothing'], ['--keys', '10'], ['--keys', 'many'], ['--cache-mib', '0']]) {
    const { code, lines } = await figures(...args)
    assert.equal(code, 2)
    assert.match(lines.join('\n'), /^usage: npm run bench -- state/)
  }
})
