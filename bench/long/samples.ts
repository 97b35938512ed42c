/** One look at a steady run. Times in ms or us as named; bytes unless named otherwise. */
export interface Sample {
  readonly seconds: number
  readonly operationsPerSecond: number
  readonly files: number
  /** Of all state files on the disk, and of those that the manifest names. */
  readonly diskBytes: number
  readonly namedBytes: number
  /** Bytes of the files that the manifest names for each byte of keys and values that are live. */
  readonly spaceFactor: number
  /** The same of all files on the disk: inputs and results of merges in flight on top. */
  readonly diskFactor: number
  readonly journalBytes: number
  readonly writeAmplification: number
  readonly flushes: number
  readonly compactions: number
  readonly compactionsRunning: number
  readonly readP50Us: number
  readonly readP99Us: number
  readonly writeP99Us: number
  readonly lateMaxMs: number
  readonly stalledMs: number
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
  readonly rssBytes: number
  readonly heapBytes: number
  readonly externalBytes: number
  /** Memtables and the cache of values. */
  readonly layerBytes: number
  /** CPU time of the process for each second: 1 is one core. */
  readonly cores: number
}

/** One line a sample, with the names of the fields first. */
export function toCsv(samples: readonly Sample[]): string {
  const [first] = samples
  if (first === undefined) return ''
  const names = Object.keys(first) as (keyof Sample)[]
  const rows = samples.map((sample) => names.map((name) => String(Math.round(sample[name] * 1000) / 1000)).join(','))
  return `${[names.join(','), ...rows].join('\n')}\n`
}

/** What `toCsv` has written. */
export function fromCsv(text: string): Sample[] {
  const [head = '', ...lines] = text.trimEnd().split('\n')
  const names = head.split(',')
  return lines.map((line) => {
    const cells = line.split(',')
    if (cells.length !== names.length)
      throw new Error(`a line has ${cells.length} cells, the first ${names.length}: ${line}`)
    return Object.fromEntries(names.map((name, i) => [name, Number(cells[i])])) as unknown as Sample
  })
}

/** Of any numbers; NaN for none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
