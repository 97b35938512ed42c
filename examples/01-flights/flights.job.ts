import { defineJob, json, kv, stream, string, tumbling, uint, windows } from 'tidemark'
import { barChart, barWidth } from './bar-chart.ts'
import type { ReportReader } from 'tidemark'

/** One row of the file; a CSV row is an object of strings. Delays are whole minutes, empty when they are not known. */
export interface Flight {
  scheduled: string
  carrier: string
  flight: string
  tail: string
  origin: string
  dest: string
  dep_delay: string
  arr_delay: string
  distance: string
}

/** Flights of one airport in one hour; the average is in minutes, over the `known` departure delays. */
export interface Delays {
  flights: number
  known: number
  averageDelay: number | null
}

export interface AirportHour extends Delays {
  origin: string
  hour: string
}

/** One partition, so that every run reads the flights in the same order and gives the same bytes. */
export const flights = stream('flights', {
  key: string(),
  value: json<Flight>(),
  partitions: 1,
  time: (flight) => Date.parse(`${flight.scheduled}Z`), // New York's clock, taken as if it were UTC
})

export const aircraftCounts = stream('flights-by-aircraft', { key: string(), value: uint(), partitions: 1 })
export const flightsByAircraft = kv('flights-by-aircraft', { key: string(), value: uint() })

export const airportHours = stream('delays-by-airport-hour', {
  key: string(),
  value: json<AirportHour>(),
  partitions: 1,
})
export const delaysByAirportHour = windows('delays-by-airport-hour', {
  key: string(),
  value: json<Delays>(),
  retention: '3650d', // all of the year stays, to be asked about
})

function addFlight(delays: Delays, flight: Flight): Delays {
  const count = delays.flights + 1
  if (flight.dep_delay === '') return { ...delays, flights: count }
  // Delays are whole minutes, so that the sum comes back exactly from average and count.
  const sum = Math.round((delays.averageDelay ?? 0) * delays.known) + Number(flight.dep_delay)
  const known = delays.known + 1
  return { flights: count, known, averageDelay: sum / known }
}

export default defineJob('flights', (job) => {
  const all = job.from(flights)

  all
    .filter((flight) => flight.tail !== '')
    .groupBy((flight) => flight.tail)
    .count(flightsByAircraft)
    .to(aircraftCounts)

  all
    .groupBy((flight) => flight.origin)
    .window(tumbling('1h'))
    .aggregate(delaysByAirportHour, {
      init: (): Delays => ({ flights: 0, known: 0, averageDelay: null }),
      add: addFlight,
    })
    .map(({ key, window, value }) => ({
      origin: key,
      hour: new Date(window.start).toISOString().slice(0, 16),
      ...value,
    }))
    .to(airportHours)
})

/** What `tidemark run` reads when no --in is given; relative to this file. */
export const inputs = { flights: [{ path: '../data/flights-2013.csv.gz' }] }

/** What `tidemark run` prints at the end. */
export async function report(reader: ReportReader): Promise<string> {
  const sums = Array.from({ length: 24 }, () => ({ sum: 0, known: 0 }))
  for await (const { value, window } of reader.store(delaysByAirportHour).scan()) {
    const { known, averageDelay } = value as Delays
    const slot = sums[new Date(window?.start ?? 0).getUTCHours()]
    if (slot === undefined || averageDelay === null) continue
    slot.sum += averageDelay * known
    slot.known += known
  }
  const bars = sums.flatMap(({ sum, known }, hour) =>
    known === 0 ? [] : [{ label: `${hour}:00`, value: sum / known }],
  )
  return `Average departure delay by scheduled hour of day, minutes\n\n${barChart(bars, barWidth(process.stdout.columns))}`
}
