import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Results } from './fixtures/crash-harness.ts'
import {
  cleanUp,
  enlarge,
  finish,
  mount,
  options,
  resultsOf,
  root,
  stopsAndGoesOn,
  whyNoMount,
} from './fixtures-full/small-places.ts'

after(cleanUp)

describe('ERR_DISK_FULL: whole runs on a disk that is full in one place (C3, C6)', { skip: whyNoMount() }, () => {
  let whole: Results

  before(async () => {
    await finish(options('whole'))
    whole = await resultsOf('whole')
  })

  it('the journal', () => stopsAndGoesOn(whole, 'journal', 'journal', '600k'))
  it('the segments of streams', () => stopsAndGoesOn(whole, 'segments', 'streams', '800k'))
  it('sorted files: flushes and merges', () => stopsAndGoesOn(whole, 'lsm', 'state', '300k'))
  it('sorted files that retained checkpoints pin', () =>
    stopsAndGoesOn(whole, 'retained', 'state', '400k', {
      checkpoint: { intervalMs: 20, retain: [{ periodMs: 20, forMs: 3_600_000 }] },
    }))

  it('the place of uploads: the run goes on and warns; with room again all is there, and restores to the same', async () => {
    const place = join(root, 'place')
    mount(place, '200k')
    const settings = options('uploading', {
      checkpoint: { to: pathToFileURL(place).href, uploadIntervalMs: 50 },
      drainTimeoutMs: 5000,
    })
    const warnings = await finish(settings)
    assert.match(warnings.join('\n'), /checkpoints could not be uploaded .*no space is left/)
    assert.deepEqual(await resultsOf('uploading'), whole)
    enlarge(place)
    await finish(settings)
    rmSync(join(root, 'uploading', 'state'), { recursive: true })
    await finish(settings)
    assert.deepEqual(await resultsOf('uploading'), whole)
  })
})
