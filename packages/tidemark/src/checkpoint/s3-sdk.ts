import { loadPackage, type ResolvePackage } from '../errors/optional-package.ts'

/** The package that speaks S3, and the version that the tests run with. */
const S3_PACKAGE = { name: '@aws-sdk/client-s3', version: '3.1173.0' } as const

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

/** Loads the package, beside Tidemark or in the working directory. ERR_S3_MISSING has the command that installs it. */
export function loadS3Sdk(resolve?: ResolvePackage): S3Sdk {
  const neededBy = 'checkpoints in S3 need'
  return loadPackage({ ...S3_PACKAGE, neededBy, code: 'ERR_S3_MISSING' }, resolve) as S3Sdk
}
