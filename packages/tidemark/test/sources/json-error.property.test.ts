import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findJsonError } from '../../src/sources/json-error.ts'

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const almostJson = fc
  .tuple(
    fc.json(),
    fc.nat(),
    fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '\\', 'e', '-', '.', '0', '\n', 'u12', ' ', 'true'),
    fc.nat(2),
  )
  .map(([text, at, piece, cut]) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + piece + text.slice(place + cut)
  })

test('an error is found exactly when JSON.parse finds one', () => {
  fc.assert(
    fc.property(fc.oneof(almostJson, fc.json(), fc.string()), (text) => {
      assert.equal(findJsonError(text) === null, isJson(text), text)
    }),
    { numRuns: 3000 },
  )
})

test('the place is right: what is before it can be the beginning of JSON', () => {
  const cases: readonly (readonly [string, number, string])[] = [
    ['{"a":1,}', 7, "a property name in quotes expected, but found '}'"],
    ['{"a" 1}', 5, "':' expected, but found '1'"],
    ['{a:1}', 1, "a property name in quotes expected, but found 'a'"],
    ["{'a':1}", 1, "a property name in quotes expected, but found '''"],
    ['[1 2]', 3, "',' or ']' expected, but found '2'"],
    ['{"a":1 "b":2}', 7, "',' or '}' expected, but found '\"'"],
    ['{"a":"x', 5, 'this string is never closed'],
    ['{"a":"\\x"}', 6, 'an unknown escape in a string'],
    ['{"a":"\\u12"}', 6, 'an incomplete \\u escape'],
    ['"a\tb"', 2, 'a control character inside a string'],
    ['{"a":1', 6, "',' or '}' expected, but found the end"],
    ['', 0, 'a value expected, but found the end'],
    ['{"a":NaN}', 5, "a value expected, but found 'NaN'"],
    ['{} {}', 3, "'{' after the end of the value"],
    ['01', 1, "'1' after the end of the value"],
    ['{"a":undefinedundefinedundefined}', 5, "a value expected, but found 'undefinedundefinedun…'"],
  ]
  for (const [text, index, error] of cases) {
    assert.deepEqual(findJsonError(text), { index, error: `not JSON: ${error}` }, text)
  }
})

test('depth is bounded by memory only', () => {
  const deep = 200_000
  assert.equal(findJsonError('['.repeat(deep) + ']'.repeat(deep)), null)
  assert.equal(findJsonError('{"a":'.repeat(deep))?.index, deep * 5)
})
