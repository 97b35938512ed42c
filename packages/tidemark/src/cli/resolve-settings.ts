import { existsSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { TidemarkError } from '../errors/error.ts'
import { importModule, shorten } from './import-module.ts'
import { nearest, suggestion } from '../ops/nearest.ts'
import { OTHER_VARIABLES, readSetting, SETTINGS, type Settings, type SettingSpec } from './settings.ts'

/** One setting as it came out: where its value came from, and who had a say before. */
export interface ResolvedSetting {
  readonly spec: SettingSpec
  readonly value: Settings[keyof Settings]
  /** `default`, the path of the configuration file, `TIDEMARK_X`, or `--flag`. */
  readonly source: string
}

export interface ResolvedSettings {
  readonly settings: Settings
  readonly rows: readonly ResolvedSetting[]
  /** The configuration file that was read, or null. */
  readonly file: string | null
}

export interface SettingSources {
  readonly cwd: string
  readonly environment: NodeJS.ProcessEnv
  /** Flags that were given, by setting key. */
  readonly flags: Readonly<Record<string, unknown>>
  /** --config FILE. */
  readonly config?: string | undefined
}

const CONFIG_FILES = ['tidemark.config.ts', 'tidemark.config.mts', 'tidemark.config.js', 'tidemark.config.mjs']

/**
 * Defaults, then tidemark.config.ts, then TIDEMARK_ variables, then flags; the last wins. An unknown name or a wrong
 * value is an error (ERR_CONFIG_UNKNOWN, ERR_CONFIG_VALUE, ERR_CONFIG_FILE) even when something later would win.
 */
export async function resolveSettings(sources: SettingSources): Promise<ResolvedSettings> {
  const found = new Map<string, ResolvedSetting>()
  for (const spec of SETTINGS) found.set(spec.key, { spec, value: spec.fallback, source: 'default' })
  const file = configFile(sources)
  if (file !== null) readFile(await loadConfig(file), file, found)
  readVariables(sources, found)
  for (const spec of SETTINGS) {
    const raw = sources.flags[spec.key]
    if (raw === undefined) continue
    found.set(spec.key, { spec, value: readSetting(spec, raw, spec.flag), source: spec.flag })
  }
  const rows = [...found.values()].map((row) => absolutePath(row, sources.cwd))
  const settings = Object.fromEntries(rows.map((row) => [row.spec.key, row.value])) as unknown as Settings
  return { settings, rows, file }
}

const PATHS: ReadonlySet<keyof Settings> = new Set([
  'dataDir',
  'kafkaTlsCa',
  'kafkaTlsCert',
  'kafkaTlsKey',
  'kafkaPasswordFile',
])

/** Paths of the configuration file are relative to it, all others to the working directory. */
function absolutePath(row: ResolvedSetting, cwd: string): ResolvedSetting {
  if (!PATHS.has(row.spec.key) || typeof row.value !== 'string' || isAbsolute(row.value)) return row
  const base = row.source !== 'default' && isAbsolute(row.source) ? dirname(row.source) : cwd
  return { ...row, value: resolve(base, row.value) }
}

function configFile(sources: SettingSources): string | null {
  const named = sources.config ?? sources.environment['TIDEMARK_CONFIG']
  if (named !== undefined && named !== '') {
    const path = resolve(sources.cwd, named)
    if (existsSync(path)) return path
    throw new TidemarkError('ERR_CONFIG_FILE', `there is no configuration file ${path}`, { details: { file: path } })
  }
  const name = CONFIG_FILES.find((candidate) => existsSync(resolve(sources.cwd, candidate)))
  return name === undefined ? null : resolve(sources.cwd, name)
}

async function loadConfig(file: string): Promise<object> {
  let exported: unknown
  try {
    exported = (await importModule(file)).exports['default']
  } catch (error) {
    const details = error instanceof TidemarkError ? error.details : {}
    const message = error instanceof Error ? error.message : String(error)
    throw new TidemarkError('ERR_CONFIG_FILE', `the configuration cannot be loaded: ${message}`, {
      cause: error,
      details,
    })
  }
  if (typeof exported === 'object' && exported !== null && !Array.isArray(exported)) return exported
  throw new TidemarkError(
    'ERR_CONFIG_FILE',
    `${shorten(file)} has no configuration as its default export: end it with export default defineConfig({ ... })`,
    { details: { file } },
  )
}

const GROUPS = new Set(
  SETTINGS.filter((spec) => spec.name.includes('.')).map((spec) => spec.name.split('.')[0] as string),
)

function readFile(config: object, file: string, found: Map<string, ResolvedSetting>): void {
  for (const [name, raw] of Object.entries(config)) {
    if (GROUPS.has(name) && typeof raw === 'object' && raw !== null) {
      for (const [inner, value] of Object.entries(raw)) readNamed(`${name}.${inner}`, value, file, found)
    } else {
      readNamed(name, raw, file, found)
    }
  }
}

function readNamed(name: string, raw: unknown, file: string, found: Map<string, ResolvedSetting>): void {
  const spec = SETTINGS.find((candidate) => candidate.name === name)
  if (spec === undefined) {
    const message = `${shorten(file)}: there is no setting "${name}".${suggestion(
      name,
      SETTINGS.map((each) => each.name),
    )}`
    throw new TidemarkError('ERR_CONFIG_UNKNOWN', message, { details: { file, setting: name } })
  }
  if (raw === undefined) return
  found.set(spec.key, { spec, value: readSetting(spec, raw, shorten(file)), source: file })
}

function readVariables(sources: SettingSources, found: Map<string, ResolvedSetting>): void {
  const known = [...SETTINGS.map((spec) => spec.variable), ...OTHER_VARIABLES]
  for (const [name, raw] of Object.entries(sources.environment)) {
    if (!name.startsWith('TIDEMARK_') || raw === undefined || OTHER_VARIABLES.includes(name)) continue
    const spec = SETTINGS.find((candidate) => candidate.variable === name)
    if (spec === undefined) {
      const near = nearest(name, known)
      const hint = near === undefined ? ` The variables are ${known.join(', ')}.` : ` Did you mean ${near}?`
      throw new TidemarkError('ERR_CONFIG_UNKNOWN', `the variable ${name} is not one of Tidemark's.${hint}`, {
        details: { variable: name },
      })
    }
    found.set(spec.key, { spec, value: readSetting(spec, raw, name), source: name })
  }
}
