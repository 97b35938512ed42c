import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entryTable } from '../../src/cli/store-table.ts'
import { cut, renderTable, textWidth } from '../../src/cli/table.ts'

test('columns are aligned and lines have no trailing space', () => {
  const lines = renderTable(
    [{ title: 'key' }, { title: 'count', align: 'right' }],
    [
      ['ada', '3'],
      ['bob', '1,000'],
    ],
  )
  assert.deepEqual(lines, ['key  count', 'ada      3', 'bob  1,000'])
})

test('a table keeps within the width by cutting its widest column', () => {
  const rows = [
    ['a'.repeat(60), '12345678'],
    ['b', '2'],
  ]
  const lines = renderTable([{ title: 'key' }, { title: 'value', align: 'right' }], rows, { width: 40, indent: '  ' })
  for (const line of lines) assert.ok(textWidth(line) <= 40, line)
  assert.match(lines[1] as string, /aaa… {2}12345678$/)
})

test('wide characters count double, combining marks not at all', () => {
  assert.equal(textWidth('日本'), 4)
  assert.equal(textWidth('e\u0301'), 1)
  assert.equal(textWidth('🙂'), 2)
  assert.equal(cut('日本語', 5), '日本…')
  assert.equal(cut('short', 5), 'short')
})

test('entries of plain objects get a column for each field, and a window one of its own', () => {
  const window = { start: Date.UTC(2013, 0, 1, 5), end: Date.UTC(2013, 0, 1, 6) }
  const lines = entryTable([
    { key: 'EWR', window, value: { flights: 1200, averageDelay: 12.3456789 } },
    { key: 'JFK', window, value: { flights: 9, averageDelay: null } },
  ])
  assert.deepEqual(lines, [
    'key  window                                  flights  averageDelay',
    'EWR  2013-01-01T05:00Z to 2013-01-01T06:00Z    1,200       12.3457',
    'JFK  2013-01-01T05:00Z to 2013-01-01T06:00Z        9             -',
  ])
})

test('entries of other values are shown as they are', () => {
  const lines = entryTable([
    { key: ['a', 1], value: 'text' },
    { key: 'b', value: [1, 2] },
  ])
  assert.deepEqual(lines, ['key      value', '["a",1]  text', 'b        [1,2]'])
})

test('optional columns are left out before anything is cut, the last first; names are never cut', () => {
  const columns = [
    { title: 'checkpoint', whole: true },
    { title: 'tasks', optional: true },
    { title: 'remark' },
    { title: 'more', optional: true },
  ]
  const rows = [['20261124-044115.714', '4', 'something longer', '123']]
  const lines = (width: number): string => renderTable(columns, rows, { width })[1] as string
  assert.equal(lines(80), '20261124-044115.714  4      something longer  123')
  assert.equal(lines(46), '20261124-044115.714  4      something longer')
  assert.equal(lines(40), '20261124-044115.714  something longer')
  assert.equal(lines(30), '20261124-044115.714  somethin…')
  assert.equal(lines(10), '20261124-044115.714  somet…')
})
