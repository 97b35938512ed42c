import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { promisify } from 'node:util'
import { batch, type BatchResults } from './batch.ts'
import { barChart, barWidth } from './bar-chart.ts'
import type { Delays } from './flights.job.ts'

const BIN = fileURLToPath(new URL('../../packages/tidemark/bin/tidemark.mjs', import.meta.url))
const JOB = fileURLToPath(new URL('./flights.job.ts', import.meta.url))
const DATA = fileURLToPath(new URL('../data/flights-2013.csv.gz', import.meta.url))

const root = mkdtempSync(join(tmpdir(), 'tidemark-flights-'))
after(() => rmSync(root, { recursive: true, force: true }))

interface Entry {
  key: string
  value: unknown
  window?: { start: number; end: number }
}

async function tidemark(...args: string[]): Promise<string> {
  const options = { maxBuffer: 256 * 1024 * 1024 }
  const { stdout } = await promisify(execFile)(process.execPath, [BIN, ...args], options)
  return stdout
}

async function scan(dataDir: string, store: string): Promise<{ text: string; entries: Entry[] }> {
  const text = await tidemark('state', 'scan', '--data-dir', dataDir, '--store', store, '--json')
  return {
    text,
    entries: text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Entry),
  }
}

async function assertSame(dataDir: string, expected: BatchResults): Promise<string> {
  const aircraft = await scan(dataDir, 'flights-by-aircraft')
  assert.deepEqual(new Map(aircraft.entries.map(({ key, value }) => [key, value])), sorted(expected.flightsByAircraft))
  const hours = await scan(dataDir, 'delays-by-airport-hour')
  const found = hours.entries.map(({ key, value, window }) => {
    assert.equal((window?.end ?? 0) - (window?.start ?? 0), 3_600_000)
    return [`${key}@${window?.start}`, value as Delays] as const
  })
  assert.deepEqual(new Map(found), expected.delaysByAirportHour)
  return aircraft.text + hours.text
}

function sorted<V>(map: Map<string, V>): Map<string, V> {
  return new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
}

test('the whole year gives what the batch computation gives; a second run changes nothing', async () => {
  const dataDir = join(root, 'year')
  const expected = await batch(DATA)
  assert.equal(expected.records, 336_776)
  assert.equal(expected.flightsByAircraft.size, 4043)

  const first = JSON.parse(await tidemark('run', JOB, '--data-dir', dataDir, '--json')) as Record<string, unknown>
  assert.equal(first['job'], 'flights')
  assert.equal(first['ingested'], 336_776)
  assert.equal(first['upToDate'], false)
  const state = await assertSame(dataDir, expected)

  const second = JSON.parse(await tidemark('run', JOB, '--data-dir', dataDir, '--json')) as Record<string, unknown>
  assert.equal(second['ingested'], 0)
  assert.equal(second['upToDate'], true)
  assert.equal(await assertSame(dataDir, expected), state)

  const counts = await tidemark('streams', 'read', 'flights-by-aircraft', '--data-dir', dataDir, '--json')
  const last = new Map<string, number>()
  for (const line of counts.trimEnd().split('\n')) {
    const { key, value } = JSON.parse(line) as { key: string; value: number }
    assert.equal(value, (last.get(key) ?? 0) + 1, `the counts of ${key} go up by one`)
    last.set(key, value)
  }
  assert.deepEqual(sorted(last), sorted(expected.flightsByAircraft))

  const hours = await tidemark('streams', 'read', 'delays-by-airport-hour', '--data-dir', dataDir, '--json')
  const rows = hours.trimEnd().split('\n')
  assert.equal(rows.length, expected.delaysByAirportHour.size, 'each window goes out once')
  for (const line of rows) {
    const { value } = JSON.parse(line) as { value: Delays & { origin: string; hour: string } }
    const { origin, hour, ...delays } = value
    assert.deepEqual(delays, expected.delaysByAirportHour.get(`${origin}@${Date.parse(`${hour}Z`)}`))
  }
})

test('a run goes on where the last one ended when more input was appended', async () => {
  const lines = gunzipSync(readFileSync(DATA)).toString('utf8').split('\n').slice(0, 20_001)
  const file = join(root, 'flights.csv')
  const dataDir = join(root, 'appended')
  const input = ['--data-dir', dataDir, '--in', `flights=${file}`]
  writeFileSync(file, `${lines.slice(0, 12_346).join('\n')}\n`)
  await tidemark('run', JOB, ...input, '--json')
  await assertSame(dataDir, await batch(file))
  appendFileSync(file, `${lines.slice(12_346).join('\n')}\n`)
  const summary = JSON.parse(await tidemark('run', JOB, ...input, '--json')) as Record<string, unknown>
  assert.equal(summary['ingested'], 20_000 - 12_345)
  await assertSame(dataDir, await batch(file))
})

test('the report is a chart of the average delay by hour', async () => {
  const file = join(root, 'day.csv')
  const rows = ['scheduled,carrier,flight,tail,origin,dest,dep_delay,arr_delay,distance']
  rows.push('2013-01-01T05:15,UA,1,N1,EWR,IAH,10,,1', '2013-01-01T17:00,UA,2,N1,JFK,IAH,40,,1')
  rows.push('2013-01-02T17:30,UA,3,,JFK,IAH,,,1', '2013-01-02T17:40,UA,4,N2,JFK,IAH,20,,1')
  writeFileSync(file, `${rows.join('\n')}\n`)
  const text = await tidemark('run', JOB, '--data-dir', join(root, 'day'), '--in', `flights=${file}`)
  assert.match(text, /Store flights-by-aircraft.*: 2 entries/)
  assert.match(text, /Average departure delay by scheduled hour of day/)
  assert.match(text, / 5:00 {2}█{16} 10\.0\n +17:00 {2}█{48} 30\.0/)
  assert.match(text, /Data directory: .*day\n/)
  assert.match(text, /npx tidemark state scan --data-dir .*day --store flights-by-aircraft --limit 5/)
})

test('bars are to one scale, and a negative value has none', () => {
  const chart = barChart(
    [
      { label: 'a', value: -1 },
      { label: 'bb', value: 2 },
      { label: 'c', value: 4 },
    ],
    8,
  )
  assert.equal(chart, '   a   -1.0\n  bb  ████ 2.0\n   c  ████████ 4.0')
  assert.equal(barChart([]), '')
})

test('the chart fits the terminal', () => {
  for (const columns of [40, 60, 80, 200]) {
    const lines = barChart([{ label: '19:00', value: 24.8 }], barWidth(columns))
    assert.ok(lines.length < columns, `${columns} columns`)
  }
  assert.equal(barWidth(undefined), 48)
})
