import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { S3_BUCKET, S3_KEYS, s3Missing, S3Server } from '../../../../scripts/lib/services/s3.ts'
import { type OpenStoreOptions, openObjectStore } from '../../src/checkpoint/open-store.ts'
import type { ObjectStore } from '../../src/checkpoint/object-store.ts'
import { systemClock } from '../../src/clock/clock.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'

/** Why tests with an S3 server are skipped here; false where there is one. */
export const NO_S3: string | false = s3Missing() ?? false

process.env['AWS_ACCESS_KEY_ID'] = S3_KEYS.accessKeyId
process.env['AWS_SECRET_ACCESS_KEY'] = S3_KEYS.secretAccessKey
process.env['AWS_REGION'] = 'us-east-1'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-s3-'))
const servers: S3Server[] = []
after(async () => {
  for (const server of servers) await server.kill()
  rmSync(directory, { recursive: true, force: true })
})

/** A directory of this test file, removed at its end. */
export function temporary(name: string): string {
  return join(directory, name)
}

/** A server of this test file, ended at its end. */
export async function startS3(name = 's3'): Promise<S3Server> {
  const server = await S3Server.start(join(directory, name))
  servers.push(server)
  return server
}

/** The URL of a prefix in the server's bucket. */
export function s3Url(endpoint: string, prefix: string): string {
  return `s3://${S3_BUCKET}/${prefix}?endpoint=${encodeURIComponent(endpoint)}`
}

export function openStore(to: string, options: Partial<OpenStoreOptions> = {}): ObjectStore {
  return openObjectStore({ to, disk: nodeDisk, clock: systemClock, random: Math.random, ...options })
}
