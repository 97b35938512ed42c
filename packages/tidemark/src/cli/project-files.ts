/** The files of a new project, by path. */
export function projectFiles(name: string, version: string): Readonly<Record<string, string>> {
  return {
    'package.json': manifest(name, version),
    'visits.job.ts': JOB,
    'data/visits.jsonl': VISITS.map((visit) => `${JSON.stringify(visit)}\n`).join(''),
    'visits.test.ts': TEST,
    '.gitignore': 'node_modules/\n.tidemark/\n',
    'README.md': readme(name),
  }
}

function manifest(name: string, version: string): string {
  const content = {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    engines: { node: '>=20' },
    scripts: {
      start: 'tidemark run visits.job.ts',
      test: 'node --test visits.test.ts',
    },
    dependencies: { tidemark: version },
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

const VISITS = [
  { user: 'ada', page: '/', at: 1_700_000_000_000 },
  { user: 'bob', page: '/docs', at: 1_700_000_060_000 },
  { user: 'ada', page: '/docs', at: 1_700_000_120_000 },
  { user: 'cleo', page: '/health', at: 1_700_000_180_000 },
  { user: 'cleo', page: '/', at: 1_700_003_600_000 },
  { user: 'ada', page: '/pricing', at: 1_700_003_660_000 },
]

const JOB = `import { defineJob, json, kv, stream, string, uint } from 'tidemark'

export interface Visit {
  user: string
  page: string
  at: number
}

export const visits = stream('visits', { key: string(), value: json<Visit>(), time: visit => visit.at })
export const visitsByUser = stream('visits-by-user', { key: string(), value: uint() })
export const perUser = kv('visits-by-user', { key: string(), value: uint() })

/** Counts the visits of each user, health checks aside. */
export default defineJob('visits', job =>
  job
    .from(visits)
    .filter(visit => visit.page !== '/health')
    .groupBy(visit => visit.user)
    .count(perUser)
    .to(visitsByUser),
)

/** What \`tidemark run\` reads when no --in is given. */
export const inputs = { visits: [{ path: './data/visits.jsonl' }] }
`

const TEST = `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testJob } from 'tidemark/testing'
import job, { perUser, visits, visitsByUser } from './visits.job.ts'

test('counts visits per user, health checks aside', () => {
  const t = testJob(job)
  t.send(visits, null, { user: 'ada', page: '/', at: 0 })
  t.send(visits, null, { user: 'ada', page: '/health', at: 1 })
  t.send(visits, null, { user: 'ada', page: '/docs', at: 2 })
  assert.deepEqual(t.values(visitsByUser), [1, 2])
  assert.equal(t.store(perUser).get('ada'), 2)
})
`

function readme(name: string): string {
  return `# ${name}

Counts visits per user with Tidemark.

    npm start                                         # reads data/visits.jsonl, ends by itself
    npx tidemark state scan --store visits-by-user
    cat data/visits.jsonl | npx tidemark run visits.job.ts --in visits=-
    npm test

State and streams are kept in \`.tidemark/\`; a second \`npm start\` finds that all input is processed already.
`
}
