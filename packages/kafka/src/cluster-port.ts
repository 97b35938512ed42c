import type { Api } from './wire/api.ts'
import type { CoordinatorKind } from './wire/find-coordinator.ts'

/** What producing needs of a Cluster; tests put a broker in memory in its place. */
export interface ClusterPort {
  request<Q, R>(node: number | 'any', api: Api<Q, R>, q: Q, lane: 'produce' | 'control', timeoutMs?: number): Promise<R>
  leader(topic: string, partition: number): Promise<{ readonly node: number }>
  forgetTopic(topic: string): void
  coordinator(kind: CoordinatorKind, key: string): Promise<number>
  forgetCoordinator(kind: CoordinatorKind, key: string): void
}
