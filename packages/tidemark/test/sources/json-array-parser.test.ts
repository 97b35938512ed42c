import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPieces, readText } from './support.ts'

test('each element is a row with the line it begins on', () => {
  const rows = readText('json', '\n[\n  {"a": "]},\\"["},\n  [1, [2]], "x,y",\n 3,true , null\n]\n')
  assert.deepEqual(rows.values, [{ a: ']},"[' }, [1, [2]], 'x,y', 3, true, null])
  assert.deepEqual(rows.lines, [3, 4, 4, 5, 5, 5])
})

test('an empty array has no rows', () => {
  assert.deepEqual(readText('json', ' [ ] \n').values, [])
})

test('a malformed element names its place and the others are read', () => {
  const rows = readText('json', '[{"a":1},\n {"b": nope}, {"c":3}]')
  assert.deepEqual(rows.values, [{ a: 1 }, { c: 3 }])
  assert.deepEqual(rows.bad, [
    { error: "not JSON: a value expected, but found 'nope'", line: 2, column: 8, text: '{"b": nope}' },
  ])
})

test('what is not JSON costs its own element only: line ends in strings, comments, stray quotes and escapes', () => {
  const cases = [
    '"a\nb"',
    '{"a":"x\r\ny}"}',
    '{"a":1 // "}"\n}',
    '[1, /* "x" */ 2]',
    '1".5',
    '{"a":"\\x\\/"}',
    '//',
    '"\t"',
  ]
  const rows = readText('json', `[${cases.map((text, i) => `${i},\n${text}`).join(',')}]`)
  const numbers = cases.map((_, i) => i)
  assert.deepEqual(rows.values, numbers)
  assert.deepEqual(
    rows.bad.map(({ text }) => text),
    cases,
  )
})

test('the column of a malformed element is right when its line began in an earlier piece', () => {
  const rows = readPieces('json', [Buffer.from('[{"ä":1}, {"b":2}, '), Buffer.from('nope]')])
  assert.deepEqual([rows.bad[0]?.line, rows.bad[0]?.column], [1, 20])
})

test('bytes that are not UTF-8 make only their own element malformed', () => {
  const bytes = Buffer.concat([Buffer.from('["ä",\n"ü'), Buffer.from([0xff]), Buffer.from('","ö"]')])
  const rows = readPieces('json', [bytes])
  assert.deepEqual(rows.values, ['ä', 'ö'])
  assert.deepEqual([rows.bad[0]?.error, rows.bad[0]?.line, rows.bad[0]?.column], ['not UTF-8', 2, 3])
})

test('a file that is not one whole array is ERR_INPUT_MALFORMED', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"a":1}\n{"a":2}\n', /^rows.json:1:1: not a JSON array.*format jsonl/],
    ['[1,2', /^rows.json:1:5: the end of the file, but the array is not closed/],
    ['[1,{"a":', /^rows.json:1:4: this element is never closed/],
    ['[1 2]', /^rows.json:1:4: ',' or ']' expected/],
    ['[1,]', /^rows.json:1:4: a value expected, but found ']'/],
    ['[1]\n2', /^rows.json:2:1: more after the end of the array/],
    ['', /^rows.json:1:1: the end of the file/],
  ]
  for (const [text, message] of cases) {
    assert.throws(() => readText('json', text), { code: 'ERR_INPUT_MALFORMED', message }, text)
  }
})

test('an element longer than the limit is ERR_INPUT_MALFORMED', () => {
  assert.throws(() => readText('json', `[1,\n["${'x'.repeat(300)}"]]`, { chunkBytes: 16, maxRowBytes: 64 }), {
    code: 'ERR_INPUT_MALFORMED',
    message: /^rows.json:1:3: an element longer than/,
  })
})

test('the position is after the last element, so a file that was written anew with more goes on there', () => {
  const end = readText('json', '[1,\n2]\n').positions.at(-1)
  assert.equal(end?.byte, 5)
  const more = readPieces('json', [Buffer.from(',\n3]\n')], {}, end)
  assert.deepEqual(more.values, [3])
  assert.deepEqual(more.lines, [3])
})
