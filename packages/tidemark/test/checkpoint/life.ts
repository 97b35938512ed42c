import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Checkpoint, CheckpointManager } from '../../src/checkpoint/manager.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'

export const LIFE_TASK = 'life-1'
const PIECES = 3000

/** Some pieces long: what the file of checkpoint `id` holds. */
export function contentOf(id: number): string {
  return `state of ${id}, `.repeat(PIECES)
}

/** The files of a checkpoint in a directory are what they were made of. */
export function assertState(directory: string, checkpoint: Checkpoint): void {
  assert.deepEqual(new TextDecoder().decode(checkpoint.record), `record of ${checkpoint.id}`)
  for (const { as } of checkpoint.files) {
    const id = Number((as ?? '').slice('state-'.length))
    assert.equal(readFileSync(join(directory, as ?? ''), 'utf8'), contentOf(id))
  }
  assert.equal(checkpoint.files.at(-1)?.as, `state-${checkpoint.id}`)
}

/** Every checkpoint of the list restores to what it was made of (C5); the newest id. */
export async function assertAllRestore(manager: CheckpointManager, directory: string): Promise<number> {
  const known = await manager.list(LIFE_TASK)
  for (const { id } of known) {
    const target = join(directory, `check-${id}`)
    assertState(target, await manager.restore(LIFE_TASK, { disk: nodeDisk, directory: target }, id))
  }
  return known[0]?.id ?? 0
}
