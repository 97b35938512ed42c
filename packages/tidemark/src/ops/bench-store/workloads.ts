/** What `tidemark bench store` measures, in the order in which it is done. */
export const WORKLOADS = ['put', 'get-hot', 'get-cold', 'get-missing', 'range', 'mixed-50', 'mixed-95'] as const

export type Workload = (typeof WORKLOADS)[number]

/** One line each, for `--help` and the guide. */
export const WORKLOAD_ABOUT: Readonly<Record<Workload, string>> = {
  put: 'every key once, in random order, into an empty store, until all is in the engine',
  'get-hot': 'keys out of 10,000 that are read again and again',
  'get-cold': 'keys in random order, each at most once, after a start with empty caches',
  'get-missing': 'keys that are not there, between keys that are',
  range: 'ten entries in order from a random key',
  'mixed-50': 'half reads, half writes of keys that are there',
  'mixed-95': '95 reads to 5 writes of keys that are there',
}
