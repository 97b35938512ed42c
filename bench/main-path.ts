import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../packages/tidemark/src/index.ts'
import { bareLoop, loadSegments } from './main-path/bare-loop.ts'
import { generateVisits } from './main-path/generate.ts'

/** Which part of a bare loop's speed the embedded system is to reach with 100 k keys (docs: shared goals). */
const GOAL = 0.5
const ROUNDS = Number(process.env['ROUNDS'] ?? 5)

interface Case {
  readonly name: string
  readonly records: number
  readonly keys: number
}

const CASES: readonly Case[] = [
  { name: '100 k keys', records: 4_000_000, keys: 100_000 },
  { name: '4 M keys', records: 4_000_000, keys: 4_000_000 },
]

export interface MainPathResult {
  readonly case: string
  readonly records: number
  readonly bareNsPerRecord: number
  readonly jobNsPerRecord: number
  readonly ratio: number
  readonly checkpoints: number
}

/**
 * The main path end to end: count by key from the embedded log, exactly-once, checkpoints each second, one container,
 * against a bare loop over the same batches. Both take turns; the median ratio counts.
 */
export async function mainPath(only: string | null = null): Promise<MainPathResult[]> {
  const results: MainPathResult[] = []
  for (const test of CASES) if (only === null || test.name.includes(only)) results.push(await one(test))
  for (const result of results) {
    if (result.case !== CASES[0]?.name || result.ratio >= GOAL) continue
    process.stderr.write(
      `${result.case}: ratio ${result.ratio.toFixed(2)} is below the goal of ${GOAL}. To see where the time goes:\n` +
        '  node --cpu-prof --cpu-prof-dir=profiles bench/main-path.ts 100\n' +
        'and open the profile of the container thread; look at runtime/input.ts, store/raw-store.ts, log/record-cursor.ts.\n',
    )
  }
  return results
}

async function one(test: Case): Promise<MainPathResult> {
  const rounds: MainPathResult[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
    try {
      generateVisits(directory, test.records, test.keys)
      // Which goes first alternates, so that neither always finds the warmer machine.
      const bareFirst = round % 2 === 0
      const before = bareFirst ? bareLoop(loadSegments(directory, 'visits')) : null
      const app = await run(new URL('./main-path/count.job.ts', import.meta.url), {
        dataDir: directory,
        containers: 1,
        untilEnd: true,
      })
      const summary = await app.done
      const bare = before ?? bareLoop(loadSegments(directory, 'visits'))
      const bareNs = (bare.seconds * 1e9) / bare.records
      const jobNs = (summary.seconds * 1e9) / summary.records
      rounds.push({
        case: test.name,
        records: summary.records,
        bareNsPerRecord: bareNs,
        jobNsPerRecord: jobNs,
        ratio: bareNs / jobNs,
        checkpoints: summary.checkpoints,
      })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  rounds.sort((a, b) => a.ratio - b.ratio)
  return rounds[Math.floor(rounds.length / 2)] as MainPathResult
}

if (import.meta.main) {
  for (const r of await mainPath(process.argv[2] ?? null)) {
    process.stdout.write(
      `${r.case}: ${r.records} records, bare loop ${r.bareNsPerRecord.toFixed(0)} ns, job ${r.jobNsPerRecord.toFixed(0)} ns a record, ` +
        `ratio ${r.ratio.toFixed(2)} (goal for 100 k keys: ${GOAL}), ${r.checkpoints} checkpoints\n`,
    )
  }
}
