import { after, test } from 'node:test'
import { ENGINES } from '../../src/engines/registry.ts'
import { baseConformance } from '../../src/testing/base-conformance.ts'
import { Places, underTest } from './places.ts'

const places = new Places()
after(() => places.remove())

for (const engine of ENGINES) {
  for (const { name, run } of baseConformance(underTest(engine, places))) test(name, run)
}
