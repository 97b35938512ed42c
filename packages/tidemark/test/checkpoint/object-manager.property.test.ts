import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Checkpoint, CheckpointManager } from '../../src/checkpoint/manager.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { commit, expectRestores, makeSetting, TASK, type Setting } from './setting.ts'

const OWNERS = 3

type Step =
  | { readonly kind: 'claim' | 'retire' | 'collect' | 'litter'; readonly owner: number }
  | { readonly kind: 'commit'; readonly owner: number; readonly keep: number; readonly savepoint: boolean }
  | { readonly kind: 'delete'; readonly owner: number; readonly index: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'crash'; readonly afterOperations: number; readonly seed: number }

const owner = fc.nat(OWNERS - 1)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('claim' as const), owner }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('retire', 'collect', 'litter'), owner }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('commit' as const), owner, keep: fc.nat(7), savepoint: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), owner, index: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(5_000_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('crash' as const), afterOperations: fc.nat(15), seed: fc.nat(1000) }),
  },
)

interface Owner {
  readonly manager: CheckpointManager
  epoch: number
  /** What it believes to be the newest checkpoint. */
  newest: Checkpoint | null
}

/** What must be so, whoever did what: the epoch in force, the newest checkpoint, and what only a crash leaves open. */
class Model {
  readonly setting: Setting = makeSetting()
  readonly owners: readonly Owner[]
  epoch = 0
  newestId = 0
  /** A crash is armed: until it strikes, calls may end with ERR_DISK_IO and an unknown outcome. */
  crashSeed: number | null = null

  constructor() {
    this.owners = Array.from({ length: OWNERS }, () => ({ manager: this.setting.other(), epoch: 0, newest: null }))
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const next of steps) {
      try {
        await this.#apply(next)
      } catch (error) {
        if (!isTidemarkError(error, 'ERR_DISK_IO') || this.crashSeed === null) throw error
        await this.#recover(next)
      }
      if (this.crashSeed === null) await this.#check()
    }
  }

  async #apply(next: Step): Promise<void> {
    if (next.kind === 'advance') return this.setting.clock.advance(next.ms)
    if (next.kind === 'crash') {
      this.setting.disk.stopAfter(next.afterOperations)
      this.crashSeed = next.seed
      return
    }
    const me = this.owners[next.owner] as Owner
    if (next.kind === 'claim') return this.#claim(me)
    if (next.kind === 'delete') return this.#delete(me, next.index)
    if (me.epoch === 0) return
    if (next.kind === 'litter') return void (await me.manager.writeFile(TASK, me.epoch, new Uint8Array(10)))
    if (me.epoch !== this.epoch) {
      await assert.rejects(this.#write(me, next), (error) => this.#fencedOrStopped(error))
      return
    }
    const made = await this.#write(me, next)
    if (made === null) return
    me.newest = made
    this.newestId = made.id
  }

  #fencedOrStopped(error: unknown): boolean {
    if (isTidemarkError(error, 'ERR_DISK_IO') && this.crashSeed !== null) throw error
    return isTidemarkError(error, 'ERR_CHECKPOINT_FENCED')
  }

  async #claim(me: Owner): Promise<void> {
    const claim = await me.manager.claim(TASK)
    assert.equal(claim.epoch, this.epoch + 1, 'epochs grow by one')
    assert.equal(claim.newest?.id ?? 0, this.newestId, 'a claim hands over what was committed')
    this.epoch = me.epoch = claim.epoch
    me.newest = claim.newest
  }

  async #write(me: Owner, next: Step): Promise<Checkpoint | null> {
    if (next.kind === 'retire') await me.manager.retire(TASK, me.epoch)
    if (next.kind === 'collect') await me.manager.collectOrphans(TASK, me.epoch)
    if (next.kind !== 'commit') return null
    // Some of the files of the checkpoint before go on, as after a compaction.
    const files = (me.newest?.files ?? []).slice(-8).filter((_, index) => (next.keep >> (index % 3)) & 1)
    return commit(me.manager, { epoch: me.epoch, previousId: me.newest?.id ?? 0 }, files, next.savepoint)
  }

  async #delete(me: Owner, index: number): Promise<void> {
    const list = await me.manager.list(TASK)
    const found = list[index]
    if (found === undefined) return
    if (index > 0) return me.manager.delete(TASK, found.id)
    await assert.rejects(me.manager.delete(TASK, found.id), { code: 'ERR_CHECKPOINT_IN_USE' })
  }

  /** The machine starts again. Of the step that the crash cut off, all or nothing is there; every owner is new. */
  async #recover(cut: Step): Promise<void> {
    this.setting.disk.crash({ seed: this.crashSeed ?? 0 })
    this.crashSeed = null
    const newestId = (await this.setting.manager.list(TASK))[0]?.id ?? 0
    const allowed = cut.kind === 'commit' ? [this.newestId, this.newestId + 1] : [this.newestId]
    assert.ok(allowed.includes(newestId), `C6: ${newestId} is there, of ${allowed.join(' or ')}`)
    this.newestId = newestId
    const { epoch, newest } = await this.setting.manager.claim(TASK)
    assert.ok(epoch === this.epoch + 1 || (cut.kind === 'claim' && epoch === this.epoch + 2))
    for (const one of this.owners) one.epoch = 0
    this.epoch = epoch
    Object.assign(this.owners[0] as Owner, { epoch, newest })
  }

  async #check(): Promise<void> {
    const list = await this.setting.manager.list(TASK)
    assert.equal(list[0]?.id ?? 0, this.newestId, 'C3: what was committed is the newest')
    for (const { id } of list) await expectRestores(this.setting.manager, id)
  }
}

test('C3 C4 C5 C6 any history of owners, deletions and crashes keeps the newest checkpoint and every retained file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      await new Model().run([{ kind: 'claim', owner: 0 }, ...steps])
    }),
    { numRuns: 300 },
  )
})
