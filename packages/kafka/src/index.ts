export { Fetcher } from './fetch/fetcher.ts'
export type { FetcherOptions, OutOfRangePolicy } from './fetch/fetch-options.ts'
export { Cluster } from './net/cluster.ts'
export type { ClusterOptions, Node } from './net/cluster.ts'
