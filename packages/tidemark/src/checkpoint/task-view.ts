import type { CheckpointEntry, ClaimRecord, SlotRecord } from './slot-record.ts'

export interface Taken<R extends SlotRecord> {
  readonly slot: number
  readonly record: R
}

/** What a task's folder says: the claim in force, and the checkpoints that count, newest first. */
export interface View {
  readonly claim: Taken<ClaimRecord> | null
  readonly checkpoints: readonly Taken<CheckpointEntry>[]
  /** The highest slot that is taken, 0 for none. */
  readonly lastSlot: number
}

/** What counts among the records of a task, given in order of their slots. */
export function viewOf(taken: readonly Taken<SlotRecord>[]): View {
  let claim: Taken<ClaimRecord> | null = null
  for (const { slot, record } of taken) if (record.kind === 'claim') claim = { slot, record }
  const lastSlot = taken.at(-1)?.slot ?? 0
  if (claim === null) return { claim, checkpoints: [], lastSlot }
  const { slot: claimSlot, record: current } = claim
  const inherited = new Map(current.inherited.map(({ slot, nonce }) => [slot, nonce]))
  const checkpoints: Taken<CheckpointEntry>[] = []
  for (const { slot, record } of taken) {
    if (record.kind === 'claim') continue
    const counts = slot > claimSlot ? record.epoch === current.epoch : inherited.get(slot) === record.nonce
    if (counts) checkpoints.push({ slot, record })
  }
  return { claim, checkpoints: checkpoints.reverse(), lastSlot }
}

export function namesOf(checkpoints: readonly Taken<CheckpointEntry>[]): Set<string> {
  const names = new Set<string>()
  for (const { record } of checkpoints) for (const file of record.files) names.add(file.name)
  return names
}
