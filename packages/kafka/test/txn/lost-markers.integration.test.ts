import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ProducerState, systemClock } from 'tidemark/system'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import type { Ownership } from '../../src/cluster/ownership.ts'
import { readIdentity, writeIdentity } from '../../src/host/identity-cell.ts'
import { Claims } from '../../src/host/claims.ts'
import type { ProducerSession } from '../../src/host/shared-plan.ts'
import { COMMIT_KEY } from '../../src/state/commit-record.ts'
import { StateBatches } from '../../src/state/state-batches.ts'
import { StoreTable } from '../../src/state/store-table.ts'
import { openTransactions } from '../../src/txn/open-transactions.ts'
import { type Part, TransactionalProducer } from '../../src/txn/transactional-producer.ts'
import { part, TestBroker } from './broker.ts'
import { ASIDE, LosingCluster, NO_VERIFICATION } from './losing-cluster.ts'

/** A fifth of it is how long markers are waited for: longer than the patience of a second. */
const TIMEOUT_MS = 6000
/** When a producer dies after the answer to EndTxn: before it looks for markers, or between the two requests that mend. */
type Death = 'not' | 'at once' | 'while it mends'
const OUT = { topic: 'out', partition: 0 }

describe('markers that a broker has lost', { skip: kafkaMissing() ?? false }, () => {
  let broker: TestBroker
  let ids = 0

  before(async () => {
    broker = await TestBroker.start(NO_VERIFICATION)
    await broker.createTopic('out', 2)
    await broker.createTopic(ASIDE, 1)
  })
  after(() => broker.stop())

  async function losing(timeoutMs = TIMEOUT_MS): Promise<[TransactionalProducer, LosingCluster, string]> {
    const cluster = new LosingCluster(broker.cluster)
    const transactionalId = `lost.${ids++}`
    const producer = new TransactionalProducer({ cluster, transactionalId, timeoutMs, clock: systemClock })
    await producer.init()
    return [producer, cluster, transactionalId]
  }
  const mine = async (id: string) => (await broker.values('out', 0)).filter((value) => value.startsWith(`${id} `))

  /** Commits, or aborts; a producer that dies then does not see whether the markers came. */
  async function end(
    producer: TransactionalProducer,
    cluster: LosingCluster,
    parts: readonly Part[],
    isCommit: boolean,
    dies: Death = 'not',
  ): Promise<void> {
    let ends = 0
    cluster.fault = {
      before: (name) => {
        if (dies === 'not') return undefined
        if (name === 'EndTxn' && ends++ > 0) return 'lose'
        return dies === 'at once' && ends > 0 && name === 'DescribeProducers' ? 'lose' : undefined
      },
      after: (name) => {
        if (name === 'Produce' && !isCommit) producer.abort()
        return undefined
      },
    }
    const { kind } = await producer.commit(parts, null)
    assert.equal(kind, isCommit ? 'committed' : 'aborted')
    cluster.fault = {}
  }

  for (const isCommit of [true, false]) {
    for (const seen of [true, false]) {
      const what = isCommit ? 'a commit' : 'an abort'
      const when = seen ? 'before it is reported' : 'before the next, when nobody could look at first'
      test(`${what} whose markers are lost is ended once more in the same way, ${when}`, async () => {
        // A fifth of it is what a commit waits for its markers before it is reported without: time to mend them.
        const [producer, cluster, id] = await losing(seen ? 5 * TIMEOUT_MS : TIMEOUT_MS)
        await end(producer, cluster, [part('out', 0, [`${id} first`])], isCommit, seen ? 'not' : 'at once')
        const { open } = await openTransactions(broker.cluster, producer.identity.producerId, [OUT])
        assert.equal(open.length, seen ? 0 : 1)
        cluster.losesMarkers = false
        // The opposite, which would take along what is without markers.
        await end(producer, cluster, [part('out', 0, [`${id} second`])], !isCommit)
        assert.deepEqual(await mine(id), [isCommit ? `${id} first` : `${id} second`])
      })
    }

    test(`without that, the ${isCommit ? 'commit' : 'abort'} is undone by the next marker: a fact about the broker`, async () => {
      const [producer, cluster, id] = await losing()
      await end(producer, cluster, [part('out', 0, [`${id} first`])], isCommit, 'at once')
      cluster.losesMarkers = false
      const resume = { identity: producer.identity, partitions: [] }
      const options = { cluster, transactionalId: id, timeoutMs: TIMEOUT_MS, clock: systemClock, resume }
      await end(new TransactionalProducer(options), cluster, [part('out', 0, [`${id} second`])], !isCommit)
      assert.deepEqual(await mine(id), isCommit ? [] : [`${id} first`, `${id} second`])
    })
  }

  // Another process, or the same one, when a thread of it has died: it must not fence whoever has taken over meanwhile.
  for (const who of ['a new owner', 'the same process']) {
    describe(`and ${who}`, () => {
      let root: string
      before(() => void (root = mkdtempSync(join(tmpdir(), 'tidemark-claims-'))))
      after(() => rmSync(root, { recursive: true, force: true }))

      function claimsOf(job: string): Claims {
        const context = {
          job,
          directory: join(root, job),
          streams: ['out'],
          outputs: ['out'],
          partitions: 1,
          maxValueBytes: 1024,
          delivery: 'exactly-once' as const,
          commitTimeoutMs: TIMEOUT_MS,
          onWarning: () => {},
          signal: null,
        }
        const ownership = { assertHeld: () => {} } as unknown as Ownership
        return new Claims({ context, cluster: broker.cluster, ownership, replicas: 1, outputsOf: () => [OUT] })
      }

      /** Claims the one task of a job. */
      async function claim(job: string, claims: Claims): Promise<{ state: ProducerState; session: ProducerSession }> {
        const producer = `task:${job}/0`
        const state = await claims.claim(producer, JSON.stringify({ tasks: 1 }))
        return { state, session: claims.takeSession(producer) }
      }

      /** The first owner commits or aborts its commit 1, whose markers are lost, and dies. Gives who comes next. */
      async function die(job: string, isCommit: boolean, death: Death): Promise<Claims> {
        const claims = claimsOf(job)
        const { state, session } = await claim(job, claims)
        assert.equal(state.id, 0)
        const { topic, partition, transactionalId, ownerEpoch, meta, identity } = session
        const cluster = new LosingCluster(broker.cluster)
        const owner: TransactionalProducer = new TransactionalProducer({
          cluster,
          transactionalId,
          timeoutMs: TIMEOUT_MS,
          clock: systemClock,
          resume: { identity: readIdentity(identity), partitions: [{ topic, partition }] },
          onState: () => writeIdentity(identity, owner.identity),
        })
        const commit = { id: 1, ownerEpoch, meta, checkpoint: new Uint8Array([1]) }
        const batches = StateBatches.of(new StoreTable([]), systemClock.now(), job, null, commit, COMMIT_KEY)
        await end(owner, cluster, [part('out', 0, [`${job} result`]), { topic, partition, batches }], isCommit, death)
        return who === 'a new owner' ? claimsOf(job) : claims
      }

      const jobOf = (what: string): string => `${what}-${who === 'a new owner' ? 'new' : 'same'}`

      for (const isCommit of [true, false]) {
        const settled = isCommit ? 1 : 0

        /** The next owner finds what became of the one before, and so does the owner after it. */
        async function settles(job: string, death: Death): Promise<Claims> {
          const next = await die(job, isCommit, death)
          const { state } = await claim(job, next)
          assert.equal(state.id, settled)
          assert.deepEqual(await mine(job), isCommit ? [`${job} result`] : [])
          assert.equal((await claim(job, claimsOf(job))).state.id, settled)
          return next
        }

        test(`C3 C6: settles the ${isCommit ? 'commit' : 'abort'} of the one before it before it reads`, async () => {
          const job = jobOf(isCommit ? 'committing' : 'aborting')
          const next = await settles(job, 'at once')
          await assert.rejects(claim(job, next), { code: 'ERR_FENCED' }, 'another has come since')
        })

        test(`C3 C6: goes on with what the one before was mending: ${isCommit ? 'a commit' : 'an abort'}`, async () => {
          await settles(jobOf(isCommit ? 'recommitting' : 'reaborting'), 'while it mends')
        })
      }
    })
  }
})
