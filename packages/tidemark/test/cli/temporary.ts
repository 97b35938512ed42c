import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'

/** Where a job outside the repository finds Tidemark. */
export const TIDEMARK: string = new URL('../../src/index.ts', import.meta.url).href

/** A directory that goes when the test file has ended, with these files in it. */
export function temporary(files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'tidemark-cli-'))
  after(() => rmSync(root, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

/** A job module that counts visits per user. */
export const VISITS_JOB: string = `
import { defineJob, json, kv, stream, string, uint } from '${TIDEMARK}'
export const visits = stream('visits', { key: string(), value: json<{ user: string; page: string }>() })
export const counts = stream('visits-by-user', { key: string(), value: uint() })
export const perUser = kv('visits-by-user', { key: string(), value: uint() })
export default defineJob('visits', (job) =>
  job.from(visits).groupBy((visit) => visit.user).count(perUser).to(counts))
`
