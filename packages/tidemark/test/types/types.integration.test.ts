import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'

const root = join(import.meta.dirname, '../../../..')
const modules = join(root, 'node_modules')
const source = join(import.meta.dirname, 'ok')
// Inside node_modules, where 'tidemark' and 'zod' are found, and git and other compilations do not look.
const copy = mkdtempSync(join(modules, '.types-'))
after(() => rmSync(copy, { recursive: true }))

const EXPECTED = /^\s*\/\/ @ts-expect-error: (.+)$/

for (const name of readdirSync(source)) {
  const text = readFileSync(join(source, name), 'utf8')
  writeFileSync(join(copy, name), text.replaceAll('@ts-expect-error:', 'expected:'))
}

function project(folder: string, name: string, options: object): string {
  const path = join(folder, `${name}.json`)
  const files = readdirSync(source).map((file) => join(folder, file))
  writeFileSync(
    path,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: options, include: [], files }),
  )
  return path
}

interface Compiled {
  readonly status: number | null
  /** Whole diagnostics, by line of refused.ts. */
  readonly byLine: ReadonlyMap<number, string>
  readonly text: string
}

function compile(compiler: string, config: string): Compiled {
  const tsc = join(modules, compiler, 'bin/tsc')
  const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, '-p', config, '--pretty', 'false'], {
    cwd: root,
    encoding: 'utf8',
  })
  const byLine = new Map<number, string>()
  for (const diagnostic of stdout.split(/\n(?=\S)/)) {
    const line = /refused\.ts\((\d+),/.exec(diagnostic)?.[1]
    if (line !== undefined) byLine.set(Number(line), `${byLine.get(Number(line)) ?? ''}${diagnostic}`)
  }
  return { status, byLine, text: stdout + stderr }
}

for (const compiler of ['typescript', 'typescript-5.9']) {
  // In one compilation: what is right compiles in strictest mode, and declarations of it can be emitted.
  test(`${compiler}: what is refused is refused with the intended words, and all else compiles to declarations`, () => {
    const outDir = join(copy, `${compiler}-out`)
    const options = { noEmit: false, declaration: true, emitDeclarationOnly: true, outDir, rootDir: root }
    const { status, byLine, text } = compile(compiler, project(copy, `${compiler}-refused`, options))
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
