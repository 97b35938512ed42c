import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPieces, readText } from './support.ts'

test('a row is an object of strings by the header', () => {
  const rows = readText('csv', 'name,city\nada,London\ngrace,"New York"\n')
  assert.deepEqual(rows.values, [
    { name: 'ada', city: 'London' },
    { name: 'grace', city: 'New York' },
  ])
  assert.deepEqual(rows.lines, [2, 3])
})

test('quotes, commas and line ends inside fields; CRLF; blank lines; a byte order mark; an empty field', () => {
  const text = '\ufeffa,b\r\n"x, ""y""","1\n2"\r\n\r\n,\r\n"",last'
  const rows = readText('csv', text)
  assert.deepEqual(rows.values, [
    { a: 'x, "y"', b: '1\n2' },
    { a: '', b: '' },
    { a: '', b: 'last' },
  ])
  assert.deepEqual(rows.lines, [2, 5, 6])
  assert.equal(rows.positions.at(-1)?.byte, Buffer.byteLength(text))
})

test('an empty field in quotes is a row in a file of one column, an empty line is not', () => {
  assert.deepEqual(readText('csv', 'a\n""\n\nx\n').values, [{ a: '' }, { a: 'x' }])
})

test('malformed rows name line and column, and the next row is read', () => {
  const rows = readText('csv', 'a,b\n1\n1,2\n1,2,3\nx"y,2\n"x"y,2\n3,4\n')
  assert.deepEqual(rows.values, [
    { a: '1', b: '2' },
    { a: '3', b: '4' },
  ])
  assert.deepEqual(
    rows.bad.map(({ error, line, column, text }) => `${line}:${column} ${error} | ${text.trimEnd()}`),
    [
      '2:1 1 field, but the header has 2 | 1',
      '4:1 3 fields, but the header has 2 | 1,2,3',
      '5:2 a quote inside a field that does not begin with one | x"y,2',
      '6:4 text after the closing quote of a field | "x"y,2',
    ],
  )
})

test('the place of an error inside a field of several lines', () => {
  const rows = readText('csv', 'a,b\n"1\n2\n3"x,2\n')
  assert.deepEqual([rows.bad[0]?.line, rows.bad[0]?.column], [4, 3])
})

test('a quote that is never closed costs its line only', () => {
  const rows = readText('csv', 'a,b\n1,"2\n3,4\n5,6')
  assert.deepEqual(rows.values, [
    { a: '3', b: '4' },
    { a: '5', b: '6' },
  ])
  assert.deepEqual(rows.lines, [3, 4])
  assert.equal(rows.bad[0]?.error, 'this quote is never closed')
  assert.deepEqual([rows.bad[0]?.line, rows.bad[0]?.column], [2, 3])
})

test('a quote left open does not take more memory than the largest row', () => {
  const lines = Array.from({ length: 200 }, (_, i) => `${i},x`).join('\n')
  const rows = readText('csv', `a,b\n1,"2\n${lines}\n`, { chunkBytes: 16, maxRowBytes: 128 })
  assert.equal(rows.values.length, 200)
  assert.match(rows.bad[0]?.error ?? '', /^a row longer than 129 bytes/)
  assert.equal(rows.bad[0]?.line, 2)
  assert.deepEqual(rows.lines.slice(0, 2), [3, 4])
})

test('bytes that are not UTF-8 make only their own row malformed', () => {
  const bytes = Buffer.concat([Buffer.from('ä,b\n1,ü\n2,'), Buffer.from([0xe4]), Buffer.from('\n3,"ö"\n')])
  const rows = readPieces('csv', [bytes])
  assert.deepEqual(rows.values, [
    { ä: '1', b: 'ü' },
    { ä: '3', b: 'ö' },
  ])
  assert.deepEqual(rows.bad, [{ error: 'not UTF-8', line: 3, column: 3, text: '2,\ufffd\n' }])
})

test('a header that cannot be used is ERR_INPUT_MALFORMED', () => {
  assert.throws(() => readText('csv', 'a,b,a\n1,2,3\n'), {
    code: 'ERR_INPUT_MALFORMED',
    message: /^rows.csv:1:1: the header has the column 'a' twice/,
  })
  assert.throws(() => readText('csv', 'a,__proto__\n1,2\n'), { code: 'ERR_INPUT_MALFORMED' })
  assert.throws(() => readText('csv', 'a,b"c\n1,2\n'), {
    code: 'ERR_INPUT_MALFORMED',
    message: /^rows.csv:1:4: a quote inside/,
  })
})

test('a header may span lines and follow blank lines', () => {
  const rows = readText('csv', '\n"a\nb",c\n1,2\n')
  assert.deepEqual(rows.values, [{ 'a\nb': '1', c: '2' }])
  assert.deepEqual(rows.lines, [4])
})

test('a field of many lines in quotes that arrives in small pieces', () => {
  const field = `${'a line with ""quotes""\n'.repeat(40)}${'a line without\r\n'.repeat(40)}`
  const rows = readText('csv', `a,b\n"${field}",2\n3,4\n`, { chunkBytes: 16 })
  assert.deepEqual(rows.bad, [])
  assert.deepEqual(rows.values, [
    { a: field.replaceAll('""', '"'), b: '2' },
    { a: '3', b: '4' },
  ])
  assert.deepEqual(rows.lines, [2, 83])
})

test('the text of a malformed row is cut between characters', () => {
  const rows = readText('csv', `a,b\nx${'€'.repeat(30_000)}\n`)
  assert.equal(rows.bad[0]?.text, `x${'€'.repeat(21_845)}`)
})
