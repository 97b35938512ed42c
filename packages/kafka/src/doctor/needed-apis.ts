import type { Api } from '../wire/api.ts'
import { describeConfigs } from '../wire/describe.ts'
import { fetchRecords } from '../wire/fetch.ts'
import { findCoordinator } from '../wire/find-coordinator.ts'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from '../wire/group-membership.ts'
import { offsetFetch } from '../wire/group-offsets.ts'
import { listOffsets } from '../wire/list-offsets.ts'
import { metadata } from '../wire/metadata.ts'
import { produce } from '../wire/produce.ts'
import { createTopics, deleteRecords } from '../wire/topics.ts'
import { endTxn, initProducerId, txnOffsetCommit } from '../wire/transactions.ts'

/** The requests that a run makes, in the versions that it speaks. */
export const NEEDED_APIS: readonly Pick<Api<never, unknown>, 'name' | 'key' | 'minVersion' | 'version'>[] = [
  produce,
  fetchRecords,
  listOffsets,
  metadata,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  offsetFetch,
  createTopics,
  deleteRecords,
  initProducerId,
  endTxn,
  txnOffsetCommit,
  describeConfigs,
]
