import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Progress } from '../../src/api/app.ts'
import { ProgressLine, progressText } from '../../src/cli/progress-line.ts'
import { textWidth } from '../../src/cli/table.ts'
import { FakeTerminal } from './fake-terminal.ts'

const PROGRESS: Progress = {
  records: 1_234_567,
  recordsPerSecond: 412_345,
  lag: 12_345,
  ingested: 1_246_912,
  checkpointAgeMs: 420,
  checkpoints: 3,
  restarts: 0,
  tasks: 4,
  dropped: 0,
  deadLettered: 0,
  late: 0,
  phase: 'running',
  tables: {},
  uploads: null,
  restore: null,
}

test('the line has records, rate, lag and the last checkpoint, and troubles when there are some', () => {
  const text = progressText(PROGRESS, 3210)
  assert.equal(text, 'running  1,234,567 records  412 k/s  lag 12,345  checkpoint 420 ms ago  3.2 s')
  const troubled = progressText({ ...PROGRESS, restarts: 2, dropped: 7, late: 1, checkpointAgeMs: null }, 10)
  assert.match(troubled, /no checkpoint yet {2}restarts 2 {2}dropped 7 {2}late 1/)
})

test('a large upload shows how far it is, in the part of the line that a narrow terminal keeps', () => {
  const MIB = 1024 * 1024
  const round = { doneBytes: 300 * MIB, totalBytes: 1200 * MIB, bytesPerSecond: 60 * MIB, remainingMs: 15_000 }
  const uploads = { to: 'file:///kept', ageMs: null, files: 0, bytes: 0, failures: 0, round }
  const text = progressText({ ...PROGRESS, uploads }, 3210)
  assert.match(text, / {2}uploading 25% of 1200\.0 MiB, 60\.0 MiB\/s, 15 s left {2}checkpoint 420 ms ago /)
  assert.match(text.slice(0, 78), /uploading 25% of/)
  const small = { ...uploads, round: { ...round, totalBytes: MIB } }
  assert.doesNotMatch(progressText({ ...PROGRESS, uploads: small }, 3210), /uploading/)
})

test('in the first seconds the rate is the mean since the start, and later what the run says', () => {
  const young = { ...PROGRESS, records: 5000, recordsPerSecond: 0 }
  assert.match(progressText(young, 1000), / 5,000 records {2}5\.0 k\/s /)
  assert.match(progressText({ ...young, records: 0 }, 0), / 0 records {2}0\/s /)
  assert.match(progressText(young, 60_000), / 0\/s /)
  assert.match(progressText({ ...PROGRESS, phase: 'ended' }, 10_000), / 1,234,567 records {2}123 k\/s /)
})

test('a run that had nothing to do made no new checkpoint', () => {
  const text = progressText({ ...PROGRESS, phase: 'ended', checkpointAgeMs: null }, 10)
  assert.match(text, /no new checkpoint/)
})

test('on a terminal one line is rewritten and never wraps', () => {
  const terminal = new FakeTerminal({ isTerminal: true, columns: 40 })
  const line = new ProgressLine(terminal, () => PROGRESS)
  line.start()
  line.note('tidemark: a warning')
  line.stop()
  line.stop()
  assert.ok(terminal.error.endsWith('\n') && !terminal.error.endsWith('\n\n'))
  const shown = terminal.error.split('\r\u001b[2K').filter((part) => part.startsWith('running'))
  assert.equal(shown.length, 3)
  for (const text of shown) assert.ok(textWidth(text.trimEnd()) < 40, text)
  assert.ok(terminal.error.includes('\r\u001b[2Ktidemark: a warning\n'))
})

test('in a pipe there are plain lines: the first and the last', () => {
  const terminal = new FakeTerminal()
  const line = new ProgressLine(terminal, () => PROGRESS)
  line.start()
  line.stop()
  assert.match(terminal.error, /^running [\P{Cc}]+\nrunning [\P{Cc}]+\n$/u)
})
