import { resolve } from 'node:path'
import { isPlace } from '../checkpoint/place.ts'
import type { Disk } from '../disk/disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { tellingReads } from '../disk/telling-reads.ts'
import { EXIT } from '../errors/entry.ts'
import { TidemarkError } from '../errors/error.ts'
import type { Finding } from '../lsm/finding.ts'
import { openStateDir, type StateDir } from '../ops/data-dir.ts'
import { type DataReport, verifyData } from '../ops/verify-data.ts'
import { verifySavepoint } from '../ops/verify-savepoint.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { textFlag } from './flag-values.ts'
import { formatBytes, formatCount, toJson } from './format.ts'
import { WorkLine } from './work-line.ts'

/** `tidemark state verify`. */
export async function verifyState(options: Options, context: CliContext): Promise<void> {
  const line = new WorkLine(context.terminal)
  let read = 0
  const disk = tellingReads(nodeDisk, (bytes) => {
    read += bytes
    line.show(() => `verifying: ${formatBytes(read)} read`)
  })
  const report = await verified(options, context, disk).finally(() => line.done())
  if (report.damages > 0) context.exitCode = EXIT.data
  if (options['json'] === true) {
    for (const row of reportJson(report)) await context.terminal.print(row)
    return
  }
  const findings = findingsOf(report)
  for (const finding of findings) await context.terminal.print(findingText(finding))
  const { files, bytes, entries } = sums(report)
  const log =
    report.log === null ? '' : `, ${formatBytes(report.log.bytes)} of ${formatCount(report.log.partitions)} partitions`
  const checked = `${formatCount(files)} state files with ${formatCount(entries)} entries, ${formatBytes(bytes)}${log}`
  const result = report.damages === 0 ? 'everything is as it was written' : `${formatCount(report.damages)} damages`
  await context.terminal.print(`verified ${checked}: ${result}`)
}

async function verified(options: Options, context: CliContext, disk: Disk): Promise<DataReport> {
  const store = textFlag(options, 'store')
  const savepoint = textFlag(options, 'savepoint')
  if (savepoint === undefined)
    return verifyData(await openData(options, context, disk), store === undefined ? {} : { store })
  if (store !== undefined) throw new TidemarkError('ERR_USAGE', 'give --store or --savepoint, not both')
  if (isPlace(savepoint)) {
    throw new TidemarkError('ERR_USAGE', `--savepoint takes a directory here: copy ${savepoint} to one first`)
  }
  return verifySavepoint(disk, resolve(context.cwd, savepoint))
}

async function openData(options: Options, context: CliContext, disk: Disk): Promise<StateDir> {
  const { settings } = await settingsOf(options, context)
  return openStateDir(settings.dataDir, disk)
}

function findingsOf(report: DataReport): Finding[] {
  return [...report.tasks, ...report.directories.flatMap((each) => each.findings), ...(report.log?.findings ?? [])]
}

function sums(report: DataReport): { files: number; bytes: number; entries: number } {
  let [files, bytes, entries] = [0, 0, 0]
  for (const each of report.directories) {
    files += each.files
    bytes += each.bytes
    entries += each.entries
  }
  return { files, bytes, entries }
}

function findingText({ kind, file, position, store, what }: Finding): string {
  const where = `${file}, byte ${position}${store === null ? '' : `, store "${store}"`}`
  return `${kind === 'damage' ? 'DAMAGE  ' : 'leftover'}  ${where}: ${what}`
}

function* reportJson(report: DataReport): Generator<string, void> {
  for (const finding of findingsOf(report)) yield toJson({ finding })
  for (const { directory, task, files, bytes, entries, checkpoints } of report.directories) {
    yield toJson({ directory, task, files, bytes, entries, checkpoints })
  }
  const { log, damages } = report
  yield toJson({ log: log === null ? null : { partitions: log.partitions, bytes: log.bytes }, damages })
}
