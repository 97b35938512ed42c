import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { parse } from 'csv-parse'
import type { Delays, Flight } from './flights.job.ts'

/** The results of the flights job, computed without Tidemark: what the tests compare with. */
export interface BatchResults {
  records: number
  /** Flights by tail number. */
  flightsByAircraft: Map<string, number>
  /** By `origin@start of the hour in ms`. */
  delaysByAirportHour: Map<string, Delays>
  /** Average departure delay by scheduled hour of day, minutes; no entry for an hour without a known delay. */
  averageDelayByHour: Map<number, number>
}

const HOUR_MS = 3_600_000

/** Reads a CSV file of flights (or one compressed by gzip) once, from front to end, and counts in plain maps. */
export async function batch(path: string): Promise<BatchResults> {
  const flightsByAircraft = new Map<string, number>()
  const sums = new Map<string, { flights: number; known: number; sum: number }>()
  const byHour = new Map<number, { known: number; sum: number }>()
  let records = 0
  const file = createReadStream(path)
  const text = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  for await (const row of text.pipe(parse({ columns: true }))) {
    const flight = row as Flight
    records++
    if (flight.tail !== '') flightsByAircraft.set(flight.tail, (flightsByAircraft.get(flight.tail) ?? 0) + 1)
    const at = Date.parse(`${flight.scheduled}Z`)
    const key = `${flight.origin}@${at - (at % HOUR_MS)}`
    const total = sums.get(key) ?? { flights: 0, known: 0, sum: 0 }
    sums.set(key, total)
    total.flights++
    if (flight.dep_delay === '') continue
    total.known++
    total.sum += Number(flight.dep_delay)
    const hour = new Date(at).getUTCHours()
    const day = byHour.get(hour) ?? { known: 0, sum: 0 }
    byHour.set(hour, { known: day.known + 1, sum: day.sum + Number(flight.dep_delay) })
  }
  const delaysByAirportHour = new Map<string, Delays>()
  for (const [key, { flights, known, sum }] of sums) {
    delaysByAirportHour.set(key, { flights, known, averageDelay: known === 0 ? null : sum / known })
  }
  const averageDelayByHour = new Map([...byHour].map(([hour, { known, sum }]) => [hour, sum / known]))
  return { records, flightsByAircraft, delaysByAirportHour, averageDelayByHour }
}
