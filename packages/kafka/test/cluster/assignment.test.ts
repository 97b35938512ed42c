import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../../tidemark/src/disk/mem-disk.ts'
import {
  type Candidate,
  chooseOwner,
  decodeMeta,
  decodeOwner,
  encodeMeta,
  encodeOwner,
  ownerText,
} from '../../src/cluster/assignment.ts'
import { forgetLastMember, readLastMember, writeLastMember } from '../../src/cluster/last-member.ts'
import { identityCell, readIdentity, writeIdentity } from '../../src/host/identity-cell.ts'

function candidate(member: string, owns: boolean, sinceMs: number): Candidate {
  return { member, meta: { owns, sinceMs, host: `host-${member}`, pid: 7 } }
}

test('who owns stays the owner; without one, who has waited longest is next', () => {
  const owner = candidate('c', true, 90)
  const waiting = [candidate('b', false, 20), candidate('a', false, 30)]
  assert.deepEqual(chooseOwner([...waiting, owner], 100), { member: 'c', host: 'host-c', pid: 7, sinceMs: 90 })
  assert.deepEqual(chooseOwner(waiting, 100), { member: 'b', host: 'host-b', pid: 7, sinceMs: 100 })
  assert.equal(chooseOwner([candidate('b', false, 5), candidate('a', false, 5)], 100)?.member, 'a', 'by name')
  assert.equal(chooseOwner([candidate('x', true, 10), owner], 100)?.member, 'c', 'the last that was given the tasks')
  assert.equal(chooseOwner([{ member: 'odd', meta: null }, ...waiting], 100)?.member, 'b')
  assert.equal(chooseOwner([{ member: 'odd', meta: null }], 100), null)
})

test('what members say is read back; what cannot be read is nobody', () => {
  const meta = { owns: true, sinceMs: 5, host: 'höst', pid: 3 }
  assert.deepEqual(decodeMeta(encodeMeta(meta)), meta)
  const owner = { member: 'm', host: 'h', pid: 1, sinceMs: 1_795_948_800_000 }
  assert.deepEqual(decodeOwner(encodeOwner(owner)), owner)
  assert.equal(ownerText(owner), 'process 1 on h (member m, since 2026-11-29 10:40:00 UTC)')
  for (const text of ['', '{', 'null', '7', '{"owns":true}', '{"member":"m","host":1,"pid":1,"sinceMs":1}']) {
    assert.equal(decodeMeta(Buffer.from(text)), null)
    assert.equal(decodeOwner(Buffer.from(text)), null)
  }
})

test('the member of the process before is known to who runs on its machine, in its group', () => {
  const disk = new MemDisk()
  disk.makeDirectory('/d')
  assert.equal(readLastMember(disk, '/d', 'g', 'here'), null)
  writeLastMember(disk, '/d', { group: 'g', member: 'm1', machine: 'here' })
  assert.equal(readLastMember(disk, '/d', 'g', 'here'), 'm1')
  assert.equal(readLastMember(disk, '/d', 'g', 'elsewhere'), null)
  assert.equal(readLastMember(disk, '/d', 'other', 'here'), null)
  forgetLastMember(disk, '/d')
  forgetLastMember(disk, '/d')
  assert.equal(readLastMember(disk, '/d', 'g', 'here'), null)
})

test('an identity is one number that threads share', () => {
  const cell = identityCell({ producerId: 2 ** 40 + 5, epoch: 32_767 })
  assert.deepEqual(readIdentity(cell), { producerId: 2 ** 40 + 5, epoch: 32_767 })
  writeIdentity(cell, { producerId: 0, epoch: 0 })
  assert.deepEqual(readIdentity(cell), { producerId: 0, epoch: 0 })
})
