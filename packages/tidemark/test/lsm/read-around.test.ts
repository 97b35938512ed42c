import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../src/clock/clock.ts'
import type { DiskFile } from '../../src/disk/disk.ts'
import { TidemarkError } from '../../src/errors/error.ts'
import { ReadAround, REGION_BYTES, Surroundings } from '../../src/lsm/read-around.ts'

const BLOCK = 4096
const REGIONS = 64
const COLD_MS = 0.3

/** A file on a disk that keeps what was read in memory, as long as it is told to. */
class ColdFile {
  readonly path = 'cold.sorted'
  readonly clock = new ManualClock()
  readonly around = new ReadAround(this.clock)
  readonly content = Uint8Array.from({ length: REGIONS * REGION_BYTES - 1000 }, (_, i) => (i * 31) ^ (i >> 9))
  readonly warm = new Set<number>()
  reads = 0
  keeps = true
  /** A block that cannot be read. */
  bad = -1
  readonly #surroundings = new Surroundings(this.around, this as unknown as DiskFile, this.content.length)

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    this.reads++
    const end = Math.min(this.content.length, position + length)
    let cold = false
    for (let block = Math.floor(position / BLOCK); block * BLOCK < end; block++) {
      if (block === this.bad) throw new TidemarkError('ERR_DISK_IO', 'cannot read cold.sorted: EIO')
      if (this.warm.has(block)) continue
      cold = true
      if (this.keeps) this.warm.add(block)
    }
    if (cold) this.clock.advance(COLD_MS)
    target.set(this.content.subarray(position, end), offset)
    return end - position
  }

  /** Reads a block as a sorted file does, and checks what comes. */
  block(number: number, bytes: number = BLOCK): void {
    const position = number * BLOCK
    const target = new Uint8Array(bytes)
    if (this.around.watches) this.#surroundings.read(position, bytes, 'a', target)
    else this.read(target, 0, bytes, position)
    assert.deepEqual(target, this.content.subarray(position, position + bytes))
  }
}

const BLOCKS_OF_REGION = REGION_BYTES / BLOCK
/** All blocks but the last, which is cut off, in an order that jumps about. */
function* scattered(): Generator<number> {
  const count = REGIONS * BLOCKS_OF_REGION - 1
  for (let i = 0; i < count; i++) yield (i * 1237) % count
}

test('blocks of a file that is in memory are read alone, and nearly none is timed', () => {
  const file = new ColdFile()
  for (const block of scattered()) file.warm.add(block)
  let timed = 0
  file.clock.monotonicMs = () => {
    timed++
    return 0
  }
  let blocks = 0
  for (const block of scattered()) {
    file.block(block)
    blocks++
  }
  assert.equal(file.reads, blocks)
  assert.equal(file.around.loads, 0)
  assert.ok(timed < blocks / 10, `${timed} looks at the clock for ${blocks} blocks`)
})

test('a cold file is read once by regions, and then block by block', () => {
  const file = new ColdFile()
  for (const block of scattered()) file.block(block)
  assert.ok(file.around.loads >= REGIONS - 4 && file.around.loads <= REGIONS, `${file.around.loads} regions`)
  // Block by block it would be one cold read a block.
  assert.ok(file.clock.monotonicMs() <= (REGIONS + 40) * COLD_MS, `${file.clock.monotonicMs()} ms`)
  const { reads } = file
  for (const block of scattered()) file.block(block)
  assert.equal(file.reads - reads, REGIONS * BLOCKS_OF_REGION - 1)
  assert.ok(file.around.loads <= REGIONS)
})

test('where the memory keeps nothing, regions stop, for longer each time, and are tried again', () => {
  const file = new ColdFile()
  file.keeps = false
  let reads = 0
  const loads: number[] = []
  for (let round = 0; round < 12; round++) {
    for (const block of scattered()) {
      file.block(block)
      reads++
    }
    loads.push(file.around.loads)
  }
  assert.ok((loads.at(-1) as number) < reads / 40, `${loads.at(-1)} regions in ${reads} reads`)
  assert.ok((loads.at(-1) as number) > (loads[0] as number), 'they are tried again')
  // And when memory is there again, they are of use again.
  file.keeps = true
  for (let round = 0; round < 40; round++) for (const block of scattered()) file.block(block)
  const { reads: before } = file
  for (const block of scattered()) file.block(block)
  assert.equal(file.reads - before, REGIONS * BLOCKS_OF_REGION - 1)
})

test('blocks across regions, blocks as large as regions, and the end of the file are read as they are', () => {
  const file = new ColdFile()
  // Slow reads first, so that regions are loaded.
  for (let i = 0; i < 200; i++) file.block(i * 8)
  const { loads } = file.around
  assert.ok(loads > 0)
  file.block(40 * BLOCKS_OF_REGION - 1, 2 * BLOCK)
  file.block(45 * BLOCKS_OF_REGION, 2 * REGION_BYTES)
  assert.equal(file.around.loads, loads)
  file.block(REGIONS * BLOCKS_OF_REGION - 1, BLOCK - 1000)
  assert.equal(file.around.loads, loads + 1)
})

test('a neighbour that cannot be read is no error of the block', () => {
  const file = new ColdFile()
  for (let i = 0; i < 40; i++) file.block(i * 40)
  file.bad = 60 * BLOCKS_OF_REGION + 3
  file.block(60 * BLOCKS_OF_REGION + 5)
  assert.throws(() => file.block(60 * BLOCKS_OF_REGION + 3), { code: 'ERR_DISK_IO' })
})
