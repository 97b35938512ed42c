import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from 'tidemark/system'
import { checkCopies, type Passed } from './copy-check.ts'
import { expectNoFindings, type Finding } from './finding.ts'

/** Records with two partitions by key, the order across partitions as it came. */
const runs = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 2, maxLength: 60 })
  .map((keys) => keys.map((key, at) => ({ key, id: `${key}-${at}`, partition: key.charCodeAt(0) % 2 })))
const seeds = fc.integer({ min: 1, max: 1 << 30 })

function check(plant: (input: readonly Passed[], output: Passed[], random: () => number) => void): void {
  fc.assert(
    fc.property(runs, seeds, (input, seed) => {
      // Partitions are read one after the other.
      const output = [...input].sort((a, b) => a.partition - b.partition)
      plant(input, output, seededRandom(seed))
    }),
  )
}

const has = (findings: readonly Finding[], kind: Finding['kind']): boolean =>
  findings.some((each) => each.kind === kind)

describe('the checker of copies', () => {
  it('finds nothing in a run without a fault', () => {
    check((input, output) => assert.deepEqual(checkCopies(input, output), []))
  })

  it('finds what is missing, there twice, or foreign', () => {
    check((input, output, random) => {
      const at = Math.floor(random() * output.length)
      const one = output[at] as Passed
      const lost = checkCopies(input, output.toSpliced(at, 1))
      assert.deepEqual(
        lost.map(({ kind, key }) => [kind, key]),
        [['loss', one.key]],
      )
      assert.ok(has(checkCopies(input, output.toSpliced(at, 0, one)), 'duplicate'))
      assert.ok(has(checkCopies(input, [...output, { ...one, id: 'new' }]), 'foreign'))
      assert.ok(has(checkCopies(input, output.with(at, { ...one, key: `not ${one.key}` })), 'foreign'))
    })
  })

  it('finds records of a key in another order or partition', () => {
    check((input, output, random) => {
      const pairs = output.flatMap((a, i) =>
        output.flatMap((b, j) => (i < j && a.key === b.key ? [[i, j] as const] : [])),
      )
      const pair = pairs[Math.floor(random() * pairs.length)]
      if (pair === undefined) return
      const [i, j] = pair
      const swapped = output.with(i, output[j] as Passed).with(j, output[i] as Passed)
      assert.ok(has(checkCopies(input, swapped), 'order'))
      assert.ok(has(checkCopies(input, output.with(i, { ...(output[i] as Passed), partition: 7 })), 'split'))
    })
  })

  it('tells what it found, the first ones in full', () => {
    const input = Array.from({ length: 300 }, (_, at) => ({ key: 'k', id: String(at) }))
    assert.throws(
      () => expectNoFindings(checkCopies(input, [])),
      /not exactly-once: 100 loss or more\n {2}loss: key k: 0 is missing/,
    )
    expectNoFindings([])
  })
})
