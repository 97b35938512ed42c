import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkJournals, journalDamage } from '../../src/engines/level-journal.ts'
import { maskedCrc } from '../../src/engines/masked-crc.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { crc32c } from '../../src/log/crc/crc32c.ts'

const BLOCK = 32 * 1024

/** A journal with writes of these lengths, by doc/log_format.md: cut into records so that none crosses a block. */
function journal(lengths: readonly number[]): Uint8Array {
  const pieces: Buffer[] = []
  let size = 0
  const add = (piece: Buffer): void => {
    pieces.push(piece)
    size += piece.length
  }
  for (const [i, length] of lengths.entries()) {
    for (let left = length, first = true; first || left > 0; first = false) {
      let room = BLOCK - (size % BLOCK)
      if (room < 7) {
        add(Buffer.alloc(room))
        room = BLOCK
      }
      const taken = Math.min(left, room - 7)
      left -= taken
      const kind = first ? (left === 0 ? 1 : 2) : left === 0 ? 4 : 3
      const body = Buffer.from([kind, ...Buffer.alloc(taken, i + 1)])
      const head = Buffer.alloc(6)
      head.writeUInt32LE(maskedCrc(crc32c(body)), 0)
      head.writeUInt16LE(taken, 4)
      add(Buffer.concat([head, body]))
    }
  }
  return Buffer.concat(pieces)
}

test('S4: a bit that changed before the last write is found at its record, wherever it is', () => {
  const bytes = journal([100, 40_000, 25_500, 70_000, 10])
  assert.equal(journalDamage(bytes), null)
  const last = bytes.length - 17
  for (let at = 0; at < last; at += 97) {
    const block = at % BLOCK
    // Zeros at the end of a block are no record.
    if (block > BLOCK - 7) continue
    const changed = Uint8Array.from(bytes)
    changed[at] = (changed[at] as number) ^ 0x10
    const damage = journalDamage(changed)
    assert.ok(damage !== null && damage.position <= at, `byte ${at}`)
    assert.ok(
      !damage.atEnd || Math.floor(at / BLOCK) === Math.floor(last / BLOCK),
      `byte ${at} is before sound records`,
    )
  }
})

test('a write that a crash has cut off is no damage; one that lost power has garbled at the end is told as such', () => {
  const bytes = journal([100, 40_000, 500])
  for (const cut of [1, 5, 400, 506, 507, 508, 30_000]) {
    assert.equal(journalDamage(bytes.subarray(0, bytes.length - cut)), null, `${cut} bytes less`)
  }
  const garbled = Uint8Array.from(bytes)
  garbled.fill(0, bytes.length - 300)
  assert.deepEqual(journalDamage(garbled), { position: bytes.length - 507, atEnd: true })
  const zeros = Uint8Array.from([...bytes, ...new Uint8Array(1000)])
  assert.deepEqual(journalDamage(zeros), { position: bytes.length, atEnd: true })
})

test('ERR_STATE_CORRUPT names the journal and the byte, and only what would be passed over is refused', () => {
  const disk = new MemDisk()
  disk.makeDirectory('db')
  const write = (bytes: Uint8Array): void => {
    const file = disk.open('db/000003.log', 'create')
    file.write(bytes, 0)
    file.close()
  }
  const check = (): void => checkJournals(disk, 'db', (name) => name.endsWith('.log'))
  const bytes = journal([50, 60, 70])
  write(bytes)
  check()
  bytes[60] = 99
  write(bytes)
  assert.throws(check, (error) => {
    assert.ok(isTidemarkError(error, 'ERR_STATE_CORRUPT'))
    assert.match(error.message, /db\/000003\.log .* at byte 57,/)
    assert.deepEqual(error.details, { path: 'db/000003.log', position: 57 })
    return true
  })
})
