import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from 'tidemark/system'
import { type Addition, checkTotals, type Emits, type Total } from './count-check.ts'
import type { Finding } from './finding.ts'

const additions = fc.array(
  fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), amount: fc.integer({ min: 1, max: 5 }) }),
  { minLength: 2, maxLength: 60 },
)
const seeds = fc.integer({ min: 1, max: 1 << 30 })

/** What a job without a fault writes: all totals, or only some, but always the last of each key. */
function run(input: readonly Addition[], emits: Emits, random: () => number): Total[] {
  const totals = new Map<string, number>()
  const last = new Map<string, number>()
  for (const [at, { key }] of input.entries()) last.set(key, at)
  const output: Total[] = []
  for (const [at, { key, amount }] of input.entries()) {
    const total = (totals.get(key) ?? 0) + amount
    totals.set(key, total)
    const written = emits === 'every' || last.get(key) === at || random() < 0.3
    if (written) output.push({ key, total, partition: key.charCodeAt(0) % 2 })
  }
  return output
}

const kinds = (findings: readonly Finding[]): Set<string> => new Set(findings.map(({ kind }) => kind))

function check(plant: (input: readonly Addition[], random: () => number, emits: Emits) => void): void {
  for (const emits of ['every', 'latest'] as const) {
    fc.assert(fc.property(additions, seeds, (input, seed) => plant(input, seededRandom(seed), emits)))
  }
}

function pick<T>(list: readonly T[], random: () => number): readonly [index: number, element: T] {
  const index = Math.floor(random() * list.length)
  return [index, list[index] as T]
}

describe('the checker of totals', () => {
  it('finds nothing in a run without a fault', () => {
    check((input, random, emits) => assert.deepEqual(checkTotals(input, run(input, emits, random), emits), []))
  })

  it('finds an input record that was lost', () => {
    check((input, random, emits) => {
      const [at, lost] = pick(input, random)
      const rest = input.filter((_, i) => i !== at)
      const findings = checkTotals(input, run(rest, emits, random), emits)
      assert.ok(findings.some(({ kind, key }) => kind === 'loss' && key === lost.key))
      assert.ok(findings.every(({ key }) => key === lost.key))
    })
  })

  it('finds an input record that was taken twice', () => {
    check((input, random, emits) => {
      const [at, twice] = pick(input, random)
      const findings = checkTotals(input, run([...input.slice(0, at), twice, ...input.slice(at)], emits, random), emits)
      assert.ok(findings.some(({ kind, key }) => kind === 'duplicate' && key === twice.key))
    })
  })

  it('finds a piece of input that was taken again, as after a commit that was half done', () => {
    check((input, random, emits) => {
      const [from] = pick(input, random)
      const again = input.slice(from, from + 5)
      const findings = checkTotals(
        input,
        run([...input.slice(0, from + 5), ...again, ...input.slice(from + 5)], emits, random),
        emits,
      )
      for (const { key } of again) assert.ok(findings.some((each) => each.kind === 'duplicate' && each.key === key))
    })
  })

  it('finds an output that is missing', () => {
    check((input, random, emits) => {
      const output = run(input, 'every', random)
      // Where totals may be left out, the last one of a key may not.
      const ends = new Map(output.map((each, at) => [each.key, at]))
      const able = output.map((_, at) => at).filter((at) => emits === 'every' || ends.get(output[at]?.key ?? '') === at)
      const [, at] = pick(able, random)
      assert.ok(
        kinds(
          checkTotals(
            input,
            output.filter((_, i) => i !== at),
            emits,
          ),
        ).has('loss'),
      )
    })
  })

  it('finds an output that is there twice, at once or later', () => {
    check((input, random, emits) => {
      const output = run(input, emits, random)
      const [at, twice] = pick(output, random)
      const later = at + Math.floor(random() * (output.length - at + 1))
      const planted = [...output.slice(0, later), twice, ...output.slice(later)]
      assert.ok(kinds(checkTotals(input, planted, emits)).has('duplicate'))
    })
  })

  it('finds two outputs of a key in the wrong order', () => {
    check((input, random, emits) => {
      const output = run(input, emits, random)
      const pairs = output.flatMap((a, i) =>
        output.flatMap((b, j) => (i < j && a.key === b.key ? [[i, j] as const] : [])),
      )
      if (pairs.length === 0) return
      const [, [i, j]] = pick(pairs, random)
      const planted = [...output]
      ;[planted[i], planted[j]] = [output[j] as Total, output[i] as Total]
      assert.ok(kinds(checkTotals(input, planted, emits)).has('order'))
    })
  })

  it('finds a total that no order of the records gives, though the end is right', () => {
    const input = [1, 5, 1].map((amount) => ({ key: 'a', amount }))
    const swapped = [5, 6, 7].map((total) => ({ key: 'a', total, partition: 0 }))
    assert.ok(kinds(checkTotals(input, swapped, 'every')).has('wrong'))
    assert.ok(kinds(checkTotals(input, swapped, 'latest')).has('wrong'))
  })

  it('finds a key in another partition, and one that was never put in', () => {
    check((input, random, emits) => {
      const output = run(input, emits, random)
      const [, one] = pick(output, random)
      assert.ok(kinds(checkTotals(input, [...output, { ...one, partition: 9 }], emits)).has('split'))
      assert.ok(kinds(checkTotals(input, [...output, { ...one, key: 'z' }], emits)).has('foreign'))
    })
  })

  it('refuses input whose records could not be told apart by the totals', () => {
    assert.throws(() => checkTotals([{ key: 'a', amount: 0 }], [], 'every'), /not positive/)
  })
})
