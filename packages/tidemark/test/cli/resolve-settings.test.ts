import assert from 'node:assert/strict'
import { runOptions } from '../../src/cli/run-options.ts'
import { runSettings } from '../../src/runtime/settings.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DEFAULT_RETENTION } from '../../src/checkpoint/retention.ts'
import { resolveSettings, type ResolvedSettings } from '../../src/cli/resolve-settings.ts'
import { SETTINGS } from '../../src/cli/settings.ts'
import { temporary, TIDEMARK } from './temporary.ts'

function configFile(content: string): string {
  const text = `import { defineConfig } from '${TIDEMARK}'\nexport default defineConfig(${content})\n`
  return temporary({ 'package.json': '{"type":"module"}', 'tidemark.config.ts': text })
}

function resolve(
  cwd: string,
  environment: NodeJS.ProcessEnv = {},
  flags: Readonly<Record<string, unknown>> = {},
): Promise<ResolvedSettings> {
  return resolveSettings({ cwd, environment, flags })
}

function source(resolved: ResolvedSettings, name: string): string | undefined {
  return resolved.rows.find(({ spec }) => spec.name === name)?.source
}

test('defaults', async () => {
  const cwd = temporary()
  const { settings, rows, file } = await resolve(cwd)
  assert.equal(file, null)
  assert.ok(rows.every((row) => row.source === 'default'))
  assert.deepEqual(settings, {
    dataDir: join(cwd, '.tidemark'),
    containers: null,
    partitions: 4,
    commitIntervalMs: 1000,
    commitMaxDelayMs: null,
    commitTimeoutMs: 30_000,
    checkpointIntervalMs: 60_000,
    delivery: 'exactly-once',
    checkpointRetain: DEFAULT_RETENTION,
    engine: 'lsm',
    storeEngines: {},
    onError: 'fail',
    maxRestarts: 5,
    drainTimeoutMs: 30_000,
    idleMs: 5000,
    checkpointTo: null,
    checkpointUploadIntervalMs: 10_000,
    checkpointRepair: false,
    checkpointMaxJournalBytes: 1024 ** 3,
    stateCompression: 'none',
    stateBlockBytes: null,
    stateCacheBytes: 128 * 1024 ** 2,
    stateFlushBytes: 16 * 1024 ** 2,
    stateMaxValueBytes: 16 * 1024 ** 2,
    stateMergeBytesPerSecond: 128 * 1024 ** 2,
    brokers: null,
    kafkaTls: false,
    kafkaTlsCa: null,
    kafkaTlsCert: null,
    kafkaTlsKey: null,
    kafkaSasl: null,
    kafkaUsername: null,
    kafkaPasswordFile: null,
  })
})

test('a short commit.timeout alone is no contradiction: commit.maxDelay goes with it', async () => {
  const { settings } = await resolve(temporary(), {}, { commitTimeoutMs: '3s' })
  const { timing } = runSettings(runOptions(settings), { containers: 1 }).container
  assert.deepEqual(timing, { intervalMs: 1000, maxDelayMs: 3000, timeoutMs: 3000 })
  const both = await resolve(temporary(), {}, { commitTimeoutMs: '3s', commitMaxDelayMs: '4s' })
  assert.throws(() => runSettings(runOptions(both.settings), { containers: 1 }), { code: 'ERR_OPTION' })
})

test('the last wins: file, variables, flags; each value says where it came from', async () => {
  const cwd = configFile(
    `{ dataDir: './data', partitions: 8, commit: { interval: '200ms', timeout: 5000 }, containers: 2 }`,
  )
  const environment = { TIDEMARK_PARTITIONS: '16', TIDEMARK_CONTAINERS: '3', TIDEMARK_DEBUG: '1', OTHER: 'x' }
  const resolved = await resolve(cwd, environment, { containers: '4', onError: 'dead-letter=bad' })
  const { settings } = resolved
  assert.equal(settings.dataDir, join(cwd, 'data'))
  assert.equal(settings.partitions, 16)
  assert.equal(settings.containers, 4)
  assert.equal(settings.commitIntervalMs, 200)
  assert.equal(settings.commitTimeoutMs, 5000)
  assert.deepEqual(settings.onError, { deadLetter: 'bad' })
  assert.equal(source(resolved, 'dataDir'), join(cwd, 'tidemark.config.ts'))
  assert.equal(source(resolved, 'partitions'), 'TIDEMARK_PARTITIONS')
  assert.equal(source(resolved, 'containers'), '--containers')
  assert.equal(source(resolved, 'maxRestarts'), 'default')
})

test('sizes and compression come from file, variables and flags, and reach the run', async () => {
  const cwd = configFile(
    `{ state: { compression: { stores: { pages: 'zstd' }, other: 'none' }, blockSize: '8KiB', cacheSize: 1048576 } }`,
  )
  const environment = { TIDEMARK_STATE_CACHE_SIZE: '32 MiB', TIDEMARK_STATE_FLUSH_SIZE: '4mib' }
  const flags = {
    stateMergeBytesPerSecond: 'none',
    checkpointMaxJournalBytes: '2GiB',
    checkpointTo: 'file:///c',
    stateMaxValueBytes: '32MiB',
  }
  const resolved = await resolve(cwd, environment, flags)
  const { container, compactionBytesPerSecond, uploads } = runSettings(runOptions(resolved.settings), { containers: 1 })
  assert.deepEqual(container.compression, { stores: { pages: 'zstd' }, other: 'none' })
  assert.equal(container.blockBytes, 8192)
  assert.equal(container.cacheBytes, 32 * 1024 ** 2)
  assert.equal(container.recentMaxBytes, 4 * 1024 ** 2)
  assert.equal(container.maxValueBytes, 32 * 1024 ** 2)
  assert.equal(compactionBytesPerSecond, 0)
  assert.equal(uploads?.maxJournalBytes, 2 * 1024 ** 3)
  const shown = Object.fromEntries(resolved.rows.map(({ spec, value }) => [spec.name, spec.show(value)]))
  assert.equal(shown['state.compression'], 'none,pages=zstd')
  assert.equal(shown['state.cacheSize'], '32MiB')
  assert.equal(shown['state.mergeRate'], 'none')
  assert.equal(source(resolved, 'state.blockSize'), join(cwd, 'tidemark.config.ts'))
  assert.equal(source(resolved, 'state.cacheSize'), 'TIDEMARK_STATE_CACHE_SIZE')
})

test('what each setting shows is what it reads; a size out of bounds or of another unit is ERR_CONFIG_VALUE', async () => {
  const { rows } = await resolve(temporary(), {}, { stateBlockBytes: '1KiB', stateCompression: 'zstd,ids=none' })
  for (const { spec, value } of rows) {
    if (value === null || spec.key === 'dataDir' || spec.key === 'storeEngines') continue
    const shown = spec.show(value).replace(/\/s$/, '')
    assert.deepEqual(spec.read(shown), value, `${spec.name} shows ${shown}`)
  }
  const wrong = async (flags: Readonly<Record<string, string>>, message: RegExp): Promise<void> => {
    await assert.rejects(resolve(temporary(), {}, flags), { code: 'ERR_CONFIG_VALUE', message })
  }
  await wrong({ stateBlockBytes: '512' }, /^--state-block-size: state\.blockSize takes a size from 1KiB to 256KiB/)
  await wrong({ stateCacheBytes: '64MB' }, /such as 512KiB or 16MiB, or a number of bytes, not "64MB"/)
  await wrong({ stateCompression: 'zstd,none' }, /^--state-compression: .* takes none, zstd, or store=codec/)
  await wrong({ stateCompression: 'pages=gzip' }, /takes none, zstd/)
  await wrong({ stateMergeBytesPerSecond: '0' }, /takes none, or a size from 1MiB/)
})

test('the guide lists every setting with its variable, flag and default', () => {
  const guide = readFileSync(new URL('../../../../docs/guide/cli.md', import.meta.url), 'utf8')
  for (const { name, variable, flag } of SETTINGS) {
    assert.ok(guide.includes(`| \`${name}\` | \`${variable}\` | \`${flag}\` |`), `${name} is not in the table`)
  }
})

test('ERR_CONFIG_UNKNOWN gives the nearest right name', async () => {
  await assert.rejects(resolve(configFile('{ partition: 8 }')), { code: 'ERR_CONFIG_UNKNOWN', message: /"partitions"/ })
  await assert.rejects(resolve(configFile(`{ commit: { intervl: '1s' } }`)), {
    code: 'ERR_CONFIG_UNKNOWN',
    message: /"commit\.interval"/,
  })
  await assert.rejects(resolve(temporary(), { TIDEMARK_PARTITION: '8' }), {
    code: 'ERR_CONFIG_UNKNOWN',
    message: /Did you mean TIDEMARK_PARTITIONS\?/,
  })
})

test('ERR_CONFIG_VALUE says where the value came from and what the setting takes', async () => {
  const wrong = async (promise: Promise<unknown>, message: RegExp): Promise<void> => {
    await assert.rejects(promise, { code: 'ERR_CONFIG_VALUE', message })
  }
  await wrong(
    resolve(configFile('{ partitions: 0 }')),
    /config\.ts: partitions takes a whole number of 1 or more, not 0/,
  )
  await wrong(resolve(configFile(`{ commit: { interval: '1 s' } }`)), /commit\.interval takes a duration .*, not "1 s"/)
  await wrong(
    resolve(temporary(), { TIDEMARK_CONTAINERS: 'two' }),
    /^TIDEMARK_CONTAINERS: containers takes .* not "two"/,
  )
  await wrong(resolve(temporary(), {}, { maxRestarts: '-1' }), /^--max-restarts: maxRestarts takes/)
  await wrong(resolve(temporary(), {}, { onError: 'ignore' }), /^--on-error: onError takes fail, drop, or dead-letter=/)
  await wrong(resolve(temporary(), {}, { dataDir: '' }), /^--data-dir: dataDir takes a path/)
  await wrong(resolve(temporary(), {}, { partitions: '1.5' }), /^--partitions: /)
  await wrong(resolve(temporary(), {}, { drainTimeoutMs: 'soon' }), /^--drain-timeout: drainTimeout takes a duration/)
})

test('a wrong value is an error even when a later source would win', async () => {
  await assert.rejects(resolve(temporary(), { TIDEMARK_PARTITIONS: 'x' }, { partitions: '2' }), {
    code: 'ERR_CONFIG_VALUE',
  })
})

test('ERR_CONFIG_FILE for one that is missing, broken, or exports no object', async () => {
  const cwd = temporary({
    'package.json': '{"type":"module"}',
    'a.config.ts': 'export const x = 1',
    'b.config.ts': 'export default {',
  })
  const named = (config: string): Promise<unknown> => resolveSettings({ cwd, environment: {}, flags: {}, config })
  await assert.rejects(named('missing.config.ts'), {
    code: 'ERR_CONFIG_FILE',
    message: /there is no configuration file/,
  })
  await assert.rejects(named('a.config.ts'), { code: 'ERR_CONFIG_FILE', message: /default export/ })
  await assert.rejects(named('b.config.ts'), { code: 'ERR_CONFIG_FILE', message: /b\.config\.ts:\d/ })
  await assert.rejects(resolve(cwd, { TIDEMARK_CONFIG: 'gone.ts' }), { code: 'ERR_CONFIG_FILE' })
})
