import { loadPackage, type ResolvePackage } from '../errors/optional-package.ts'

/** The version of each optional package that the tests run with. */
const PACKAGES = {
  'msgpack()': { name: '@msgpack/msgpack', version: '3.1.3' },
  'avro()': { name: 'avsc', version: '5.7.9' },
  'protobuf()': { name: '@bufbuild/protobuf', version: '2.17.0' },
} as const

/** Loads the package under a serde. ERR_SERDE_PACKAGE when it is not installed; the message has the command. */
export function loadSerdePackage(serde: keyof typeof PACKAGES, resolve?: ResolvePackage): unknown {
  return loadPackage(
    { ...PACKAGES[serde], neededBy: `${serde} needs`, code: 'ERR_SERDE_PACKAGE', details: { serde } },
    resolve,
  )
}
