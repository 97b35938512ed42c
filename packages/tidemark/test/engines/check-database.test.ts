import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkDatabase } from '../../src/engines/check-database.ts'
import { journalDamage } from '../../src/engines/level-journal.ts'
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

test('S4: a length that changed hides nothing: it is found by the records behind it', () => {
  const bytes = journal([100, 300, 50, 40_000, 500, 10])
  for (const at of [0, 107, 414, 471]) {
    for (let bit = 0; bit < 16; bit++) {
      const changed = Uint8Array.from(bytes)
      changed[at + 4 + (bit >> 3)] = (changed[at + 4 + (bit >> 3)] as number) ^ (1 << (bit & 7))
      assert.deepEqual(
        journalDamage(changed),
        { position: at, atEnd: false },
        `record at ${at}, bit ${bit} of its length`,
      )
    }
  }
})

test('S4: CURRENT and the manifest that it names have to be whole; what a manifest was given in advance is no damage', () => {
  const disk = new MemDisk()
  disk.makeDirectory('db')
  const put = (name: string, content: Uint8Array | string): void => {
    const file = disk.open(`db/${name}`, 'create')
    file.truncate(0)
    file.write(Buffer.from(content), 0)
    file.close()
  }
  const check = (): void => checkDatabase(disk, 'db', () => false)
  check()
  const bytes = journal([50, 60, 70])
  put('CURRENT', 'MANIFEST-000004\n')
  assert.throws(check, {
    code: 'ERR_STATE_CORRUPT',
    message: /db\/CURRENT names db\/MANIFEST-000004, which is not there/,
  })
  put('MANIFEST-000004', bytes)
  check()
  put('MANIFEST-000004', new Uint8Array([...bytes, ...new Uint8Array(100)]))
  check()
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes)
    changed[at] = (changed[at] as number) ^ 4
    put('MANIFEST-000004', changed)
    // The last record's length, now beyond the end: it seems to be cut off, as a crash may leave it.
    if (at === 129) check()
    else
      assert.throws(
        check,
        { code: 'ERR_STATE_CORRUPT', message: /db\/MANIFEST-000004 has a record .* at byte / },
        `${at}`,
      )
  }
  put('MANIFEST-000004', bytes)
  for (const text of ['', 'MANIFEST-000004', 'MANIFEST-00x004\n', 'NANIFEST-000004\n']) {
    put('CURRENT', text)
    assert.throws(check, { code: 'ERR_STATE_CORRUPT', message: /db\/CURRENT does not name a manifest/ }, text)
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
  const check = (): void => checkDatabase(disk, 'db', (name) => name.endsWith('.log'))
  const bytes = journal([50, 60, 70])
  write(bytes)
  check()
  bytes[60] = 99
  write(bytes)
  assert.throws(check, (error) => {
    assert.ok(isTidemarkError(error, 'ERR_STATE_CORRUPT'))
    assert.match(error.message, /db\/000003\.log .* at byte 57,/)
    assert.deepEqual(error.details, { path: 'db/000003.log', file: 'db/000003.log', position: 57 })
    return true
  })
})
