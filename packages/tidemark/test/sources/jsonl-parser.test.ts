import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPieces, readText } from './support.ts'

test('each line is a row with its line number; blank lines are skipped', () => {
  const rows = readText('jsonl', '{"a":1}\n\n[2]\r\n  \n"three"\nnull\n4\n')
  assert.deepEqual(rows.values, [{ a: 1 }, [2], 'three', null, 4])
  assert.deepEqual(rows.lines, [1, 3, 5, 6, 7])
  assert.deepEqual(rows.bad, [])
})

test('a last line without line end is a row at the end only', () => {
  const rows = readPieces('jsonl', [Buffer.from('1\n2'), Buffer.from('3')])
  assert.deepEqual(rows.values, [1, 23])
  assert.equal(rows.positions.at(-1)?.byte, 4)
})

test('a malformed line names its place and the others are read', () => {
  const rows = readText('jsonl', '{"a":1}\n{"a": nope}\n{"a":2}\n')
  assert.deepEqual(rows.values, [{ a: 1 }, { a: 2 }])
  assert.deepEqual(rows.bad, [
    { error: "not JSON: a value expected, but found 'nope'", line: 2, column: 7, text: '{"a": nope}' },
  ])
})

test('bytes that are not UTF-8 make only their own line malformed', () => {
  const rows = readPieces('jsonl', [Buffer.from('"ä"\n"x\xff"\n"ö"\n', 'latin1')])
  assert.equal(rows.values.length, 0)
  const mixed = Buffer.concat([Buffer.from('"ä"\n"ü'), Buffer.from([0xff]), Buffer.from('"\n"ö"\n')])
  const some = readPieces('jsonl', [mixed])
  assert.deepEqual(some.values, ['ä', 'ö'])
  assert.deepEqual(some.lines, [1, 3])
  assert.deepEqual(some.bad, [{ error: 'not UTF-8', line: 2, column: 3, text: '"ü\ufffd"' }])
})

test('a byte order mark is skipped, UTF-16 is refused with ERR_INPUT_MALFORMED', () => {
  assert.deepEqual(readText('jsonl', '\ufeff1\n').values, [1])
  assert.throws(() => readPieces('jsonl', [Buffer.from('\ufeff1\n', 'utf16le')]), {
    code: 'ERR_INPUT_MALFORMED',
    message: 'rows.jsonl:1:1: the file is UTF-16; convert it to UTF-8',
  })
})

test('a line longer than the limit is malformed and skipped, wherever the pieces end', () => {
  const long = `"${'x'.repeat(500)}"`
  for (const size of [7, 64, 1000]) {
    const bytes = Buffer.from(`1\n${long}\n2\n`)
    const pieces = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
    const rows = readPieces('jsonl', pieces, { chunkBytes: 16, maxRowBytes: 64 })
    assert.deepEqual(rows.values, [1, 2])
    assert.deepEqual(rows.lines, [1, 3])
    assert.equal(rows.bad.length, 1)
    assert.match(rows.bad[0]?.error ?? '', /^a row longer than \d+ bytes/)
    assert.equal(rows.bad[0]?.line, 2)
    assert.equal(rows.positions.at(-1)?.rows, 3)
  }
})

test('a position inside a line that is being skipped goes on skipping', () => {
  const rows = readPieces('jsonl', [Buffer.from(`1\n"${'x'.repeat(300)}`)], { chunkBytes: 16, maxRowBytes: 64 })
  const before = rows.positions.at(-2)
  assert.equal(before?.parser?.skipping, true)
  const after = readPieces('jsonl', [Buffer.from('xxx"\n2\n')], {}, before)
  assert.deepEqual(after.values, [2])
  assert.deepEqual(after.lines, [3])
})

test('after a last line without line end: its line end may follow, more of the line is ERR_INPUT_CHANGED', () => {
  const end = readText('jsonl', '1\n2').positions.at(-1)
  const more = readPieces('jsonl', [Buffer.from('\n3\n')], {}, end)
  assert.deepEqual(more.values, [3])
  assert.deepEqual(more.lines, [3])
  assert.deepEqual(readPieces('jsonl', [Buffer.from('\r'), Buffer.from('\n3\n')], {}, end).lines, [3])
  assert.deepEqual(readPieces('jsonl', [], {}, end).values, [])
  assert.throws(() => readPieces('jsonl', [Buffer.from('3\n4\n')], {}, end), {
    code: 'ERR_INPUT_CHANGED',
    message: /^rows.jsonl:2: the last line had no line end/,
  })
})
