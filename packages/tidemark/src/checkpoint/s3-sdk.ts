import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { TidemarkError } from '../errors/error.ts'

/** The package that speaks S3, and the version that the tests run with. */
export const S3_PACKAGE = { name: '@aws-sdk/client-s3', version: '3.1173.0' } as const

/** What is used of the package's client: no type of the package is one of ours. */
export interface S3Client {
  send(command: object, options: { readonly abortSignal: AbortSignal }): Promise<unknown>
  destroy(): void
}

type Command = new (input: Readonly<Record<string, unknown>>) => object

/** What is used of the package. */
export interface S3Sdk {
  readonly S3Client: new (config: Readonly<Record<string, unknown>>) => S3Client
  readonly PutObjectCommand: Command
  readonly GetObjectCommand: Command
  readonly HeadObjectCommand: Command
  readonly DeleteObjectCommand: Command
  readonly ListObjectsV2Command: Command
  readonly CreateMultipartUploadCommand: Command
  readonly UploadPartCommand: Command
  readonly CompleteMultipartUploadCommand: Command
  readonly AbortMultipartUploadCommand: Command
  readonly ListMultipartUploadsCommand: Command
}

/** How a package is found: replaced in tests. */
export type ResolvePackage = (name: string) => unknown

/** Loads the package, beside Tidemark or in the working directory. ERR_S3_MISSING has the command that installs it. */
export function loadS3Sdk(resolve: ResolvePackage = load): S3Sdk {
  const { name, version } = S3_PACKAGE
  try {
    return resolve(name) as S3Sdk
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] as string) : String(cause)
    throw new TidemarkError(
      'ERR_S3_MISSING',
      `checkpoints in S3 need the package ${name}, which cannot be loaded (${why}). Install it: npm install ${name}@${version}`,
      { cause, details: { package: name } },
    )
  }
}

function load(name: string): unknown {
  const own = createRequire(import.meta.url)
  try {
    return own(name)
  } catch (error) {
    // A command that was installed globally has not the packages of the project.
    const here = createRequire(pathToFileURL(`${process.cwd()}/package.json`))
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return here(name)
    throw error
  }
}
