import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { ShadowedBase } from '../../src/engines/shadowed-base.ts'
import { SplitBase } from '../../src/engines/split-base.ts'
import type { Base } from '../../src/store/types.ts'
import { MapBase } from '../store/map-base.ts'

/** The optional members of Base, as its source has them: `name?(` and `readonly name?:`. */
function optionalMembers(): string[] {
  const source = readFileSync(new URL('../../src/store/types.ts', import.meta.url), 'utf8')
  const start = source.indexOf('export interface Base {')
  const body = source.slice(start, source.indexOf('\n}', start))
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\?[(:]/gm)].map(([, name]) => name as string)
}

const members = optionalMembers()

/** A base with every optional member, each noting that it was used. */
function noting(used: Set<string>): Base {
  const base: object = new MapBase()
  for (const name of members) {
    const answer = name === 'newestId' ? 7 : undefined
    Object.defineProperty(base, name, {
      get: () => {
        used.add(name)
        return answer ?? (() => null)
      },
    })
  }
  return base as Base
}

test('the optional members of Base are found', () => {
  for (const name of ['newestId', 'prefetch', 'expire', 'advance', 'stalled', 'wantsWrite']) {
    assert.ok(members.includes(name), name)
  }
})

for (const member of members) {
  test(`a base of several engines passes \`${member}\` on to its parts`, () => {
    const usedA = new Set<string>()
    const usedB = new Set<string>()
    const split = new SplitBase([
      { base: noting(usedA), stores: new Set(['a']) },
      { base: noting(usedB), stores: new Set(['b']) },
    ])
    assert.ok(member in split, `SplitBase has no ${member}`)
    for (const store of ['a', 'b']) {
      const value = (split as unknown as Record<string, unknown>)[member]
      // Of a store, or of all: whatever it takes, the part is asked.
      if (typeof value === 'function') value.call(split, store, store)
    }
    const parts = member === 'keepsTogether' ? [] : [usedA, usedB]
    for (const used of parts) assert.ok(used.has(member), `${member} of a part is not asked`)
  })
}

for (const member of members) {
  test(`a base with a shadow passes \`${member}\` on to its engine`, () => {
    const used = new Set<string>()
    const shadowed = new ShadowedBase({
      main: noting(used),
      disk: new MemDisk(),
      directory: '/state/0/shadow',
      openShadow: () => assert.fail('nobody asked for it'),
      shadow: null,
      follow: false,
      failpoint: () => {},
    })
    assert.ok(member in shadowed, `ShadowedBase has no ${member}`)
    const value = (shadowed as unknown as Record<string, unknown>)[member]
    if (typeof value === 'function') value.call(shadowed, 'a', 'a')
    // Its shadow is told of windows, whatever the engine wants.
    if (member !== 'hearsOfWindows') assert.ok(used.has(member), `${member} of the engine is not asked`)
  })
}
