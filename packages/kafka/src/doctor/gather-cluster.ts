import { isTidemarkError } from 'tidemark/system'
import { BrokerConnection } from '../net/broker-connection.ts'
import type { ConnectionOptions } from '../net/link.ts'
import { parseBroker } from '../net/broker-list.ts'
import type { Cluster } from '../net/cluster.ts'
import { apiVersionsAndFeatures } from '../wire/api-versions.ts'
import { describeCluster, describeConfigs } from '../wire/describe.ts'
import { describeLogDirs } from '../wire/log-dirs.ts'
import type { AddressFacts, BrokerFacts, ClusterFacts, Configs } from './facts.ts'

const TIMEOUT_MS = 10_000
const KEYS = [
  'group.min.session.timeout.ms',
  'transaction.max.timeout.ms',
  'transaction.state.log.replication.factor',
  'offsets.topic.replication.factor',
  'unclean.leader.election.enable',
] as const

/** Asks every address that was given, and every broker by the address that it tells. */
export async function gatherCluster(
  cluster: Cluster,
  addresses: readonly string[],
  options: ConnectionOptions,
): Promise<ClusterFacts> {
  const { brokers } = await cluster.request('any', describeCluster, null, 'control')
  const [told, facts] = await Promise.all([
    Promise.all(addresses.map((address) => tryAddress(address, options))),
    Promise.all(brokers.map(({ id, host, port }) => askBroker(cluster, id, `${host}:${port}`))),
  ])
  return { addresses: told, brokers: facts.sort((a, b) => a.id - b.id) }
}

async function tryAddress(address: string, options: ConnectionOptions): Promise<AddressFacts> {
  try {
    const { host, port } = parseBroker(address)
    const connection = await BrokerConnection.open(host, port, options)
    connection.close()
    return { address, failure: null }
  } catch (error) {
    return { address, failure: failureOf(error) }
  }
}

async function askBroker(cluster: Cluster, id: number, address: string): Promise<BrokerFacts> {
  const nothing = { id, address, apis: null, features: null, configs: null, disks: null }
  const asked = { softwareName: 'tidemark', softwareVersion: '0.1.0' }
  try {
    const { apis, features } = await cluster.request(id, apiVersionsAndFeatures, asked, 'control', TIMEOUT_MS)
    const [configs, disks] = await Promise.all([configsOf(cluster, id), disksOf(cluster, id)])
    return { id, address, failure: null, apis, features, configs, disks }
  } catch (error) {
    return { ...nothing, failure: failureOf(error) }
  }
}

/** Null when it is denied. */
async function configsOf(cluster: Cluster, id: number): Promise<Configs | null> {
  const asked = [{ kind: 'broker' as const, name: String(id), keys: KEYS }]
  const [answer] = await cluster.request(id, describeConfigs, asked, 'control', TIMEOUT_MS)
  if (answer === undefined || answer.error !== 0) return null
  return Object.fromEntries(answer.configs.map(({ name, value }) => [name, value]))
}

/** Null when it is denied. */
async function disksOf(cluster: Cluster, id: number): Promise<BrokerFacts['disks']> {
  const { error, directories } = await cluster.request(id, describeLogDirs, null, 'control', TIMEOUT_MS)
  return error === 0 ? directories.filter((each) => each.error === 0) : null
}

function failureOf(error: unknown): string {
  if (isTidemarkError(error)) return error.message
  throw error
}
