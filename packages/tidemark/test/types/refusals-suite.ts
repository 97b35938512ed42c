import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../../../..')
const source = join(import.meta.dirname, 'ok')

const EXPECTED = /^\s*\/\/ @ts-expect-error: (.+)$/

interface Compiled {
  readonly status: number | null
  /** Whole diagnostics, by line of refused.ts. */
  readonly byLine: ReadonlyMap<number, string>
  readonly text: string
}

/** The files of ok/ where `tidemark` is found as users have it; what they expect to be refused is an error there. */
function writeProject(folder: string, outDir: string): void {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  for (const name of readdirSync(source)) {
    const text = readFileSync(join(source, name), 'utf8')
    writeFileSync(join(folder, name), text.replaceAll('@ts-expect-error:', 'expected:'))
  }
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    outDir,
    rootDir: folder,
    typeRoots: [join(folder, '../node_modules/@types')],
  }
  const files = readdirSync(source)
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files }),
  )
}

function compile(compiler: string, folder: string): Compiled {
  const tsc = join(root, 'node_modules', compiler, 'bin/tsc')
  const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  })
  const byLine = new Map<number, string>()
  for (const diagnostic of stdout.split(/\n(?=\S)/)) {
    const line = /refused\.ts\((\d+),/.exec(diagnostic)?.[1]
    if (line !== undefined) byLine.set(Number(line), `${byLine.get(Number(line)) ?? ''}${diagnostic}`)
  }
  return { status, byLine, text: stdout + stderr }
}

/** `directory` has the package in its node_modules, as npm would install it. */
export function refusals(directory: string): void {
  for (const compiler of ['typescript', 'typescript-5.9']) {
    // In one compilation: what is right compiles in strictest mode, and declarations of it can be emitted.
    test(`${compiler}: what is refused is refused with the intended words, and all else compiles to declarations`, () => {
      const folder = join(directory, `types-of-${compiler}`)
      const outDir = join(folder, 'out')
      writeProject(folder, outDir)
      const { status, byLine, text } = compile(compiler, folder)
      assert.notEqual(status, 0)
      const lines = readFileSync(join(source, 'refused.ts'), 'utf8').split('\n')
      let expected = 0
      lines.forEach((line, i) => {
        const words = EXPECTED.exec(line)?.[1]
        if (words === undefined) return
        expected++
        const found = byLine.get(i + 2) ?? ''
        assert.ok(found.includes(words), `line ${i + 2}: expected "${words}"\n${found === '' ? text : found}`)
      })
      assert.ok(expected >= 40, `${expected} cases`)
      assert.equal(byLine.size, expected, 'no other line of refused.ts has an error')
      assert.deepEqual(
        text.split('\n').filter((line) => /^\S/.test(line) && !line.includes('refused.ts(')),
        [],
      )
      const emitted = readdirSync(outDir, { recursive: true, encoding: 'utf8' }).map((path) => basename(path))
      for (const file of readdirSync(source)) assert.ok(emitted.includes(file.replace(/\.ts$/, '.d.ts')), file)
    })
  }
}
