import { crc32 } from 'node:zlib'
import type { Clock } from '../clock/clock.ts'
import type { Disk, DiskFile } from '../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import type { ObjectSource, ObjectStore, Written } from './object-store.ts'
import { isMissing, isPreconditionFailed, isRangePastEnd, s3Error } from './s3-error.ts'
import type { S3Client, S3Sdk } from './s3-sdk.ts'

const MIB = 1024 * 1024
/** S3 takes 10000 parts of at least 5 MiB. */
const MOST_PARTS = 9000
const PARTS_IN_FLIGHT = 3
const FETCH_BYTES = 8 * MIB
const FIRST_BACKOFF_MS = 200
/** An object that shows whether the server heeds If-None-Match. */
const PROBE = 'conditional-writes'

export interface S3ObjectsOptions {
  readonly sdk: S3Sdk
  readonly client: S3Client
  readonly bucket: string
  /** Before the names of objects, without a slash at its end; may be empty. */
  readonly prefix: string
  readonly disk: Disk
  readonly clock: Clock
  /** Uniform in [0, 1): spreads retries. */
  readonly random: () => number
  /** A request that takes longer is given up (default 30 s). */
  readonly requestTimeoutMs?: number
  /** How often a request is tried that the error table says may be (default 5). */
  readonly attempts?: number
  /** Files above this go in parts of this size (default 8 MiB, at least 5). */
  readonly partBytes?: number
}

/** A bucket, or a part of one, as a store of objects. Fencing stands on If-None-Match, which the first use tests. */
export class S3Objects implements ObjectStore {
  readonly where: string
  readonly #options: S3ObjectsOptions
  readonly #timeoutMs: number
  readonly #attempts: number
  readonly #partBytes: number
  #probed: Promise<void> | null = null

  constructor(options: S3ObjectsOptions) {
    this.#options = options
    this.where = `s3://${options.bucket}${options.prefix === '' ? '' : `/${options.prefix}`}`
    this.#timeoutMs = options.requestTimeoutMs ?? 30_000
    this.#attempts = options.attempts ?? 5
    this.#partBytes = options.partBytes ?? 8 * MIB
  }

  #key(name: string): string {
    return this.#options.prefix === '' ? name : `${this.#options.prefix}/${name}`
  }

  /** One request, given up after a while. Errors are those of the package. */
  async #send<T>(command: object, read: (answer: never) => Promise<T> | T): Promise<T> {
    const { client, clock } = this.#options
    const limit = new AbortController()
    const settled = new AbortController()
    clock.sleep(this.#timeoutMs, settled.signal).then(
      () => limit.abort(new Error(`no answer within ${this.#timeoutMs} ms`)),
      () => {},
    )
    try {
      return await read((await client.send(command, { abortSignal: limit.signal })) as never)
    } finally {
      settled.abort()
    }
  }

  /** Tries again what the error table says may be tried again, at growing intervals. */
  async #retry<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const { clock, random } = this.#options
    for (let tried = 1; ; tried++) {
      try {
        return await attempt()
      } catch (cause) {
        const error = isTidemarkError(cause) ? cause : s3Error(cause, `${what} in ${this.where}`)
        if (error.retry !== 'later' || error.domain !== 'checkpoint' || tried >= this.#attempts) throw error
        await clock.sleep(FIRST_BACKOFF_MS * 2 ** (tried - 1) * (0.5 + random()))
      }
    }
  }

  async put(name: string, source: ObjectSource): Promise<Written> {
    if (source.kind === 'bytes') {
      await this.#putBytes(name, source.bytes)
      return { sizeBytes: source.bytes.length, checksum: crc32(source.bytes) }
    }
    const { sizeBytes } = source
    const file = (source.disk ?? this.#options.disk).open(source.path, 'read')
    try {
      if (sizeBytes > this.#partBytes) return { sizeBytes, checksum: await this.#putParts(name, file, sizeBytes) }
      const bytes = await readPiece(file, 0, sizeBytes)
      await this.#putBytes(name, bytes)
      return { sizeBytes, checksum: crc32(bytes) }
    } finally {
      file.close()
    }
  }

  async #putBytes(name: string, bytes: Uint8Array): Promise<void> {
    const { sdk, bucket } = this.#options
    const input = { Bucket: bucket, Key: this.#key(name), Body: bytes, ContentLength: bytes.length }
    await this.#retry(`putting ${name}`, () => this.#send(new sdk.PutObjectCommand(input), () => {}))
  }

  /** Puts a file in parts: no more than a few of them are in memory. Its CRC-32. */
  async #putParts(name: string, file: DiskFile, sizeBytes: number): Promise<number> {
    const { sdk, bucket } = this.#options
    const object = { Bucket: bucket, Key: this.#key(name) }
    const what = `putting ${name}`
    const upload = await this.#retry(what, () =>
      this.#send(new sdk.CreateMultipartUploadCommand(object), (answer: { UploadId: string }) => answer.UploadId),
    )
    const partBytes = Math.max(this.#partBytes, Math.ceil(sizeBytes / MOST_PARTS))
    const parts: { readonly ETag: string; readonly PartNumber: number }[] = []
    const inFlight = new Set<Promise<void>>()
    let checksum = 0
    const send = async (number: number, bytes: Uint8Array): Promise<void> => {
      const input = { ...object, UploadId: upload, PartNumber: number, Body: bytes, ContentLength: bytes.length }
      const tag = await this.#retry(`putting part ${number} of ${name}`, () =>
        this.#send(new sdk.UploadPartCommand(input), (answer: { ETag: string }) => answer.ETag),
      )
      parts[number - 1] = { ETag: tag, PartNumber: number }
    }
    try {
      for (let at = 0, number = 1; at < sizeBytes; at += partBytes, number++) {
        const bytes = await readPiece(file, at, Math.min(partBytes, sizeBytes - at))
        checksum = crc32(bytes, checksum)
        const part = send(number, bytes).finally(() => inFlight.delete(part))
        inFlight.add(part)
        // Its error comes out of the race or of the wait for all.
        part.catch(() => {})
        if (inFlight.size >= PARTS_IN_FLIGHT) await Promise.race(inFlight)
      }
      await Promise.all(inFlight)
      const input = { ...object, UploadId: upload, MultipartUpload: { Parts: parts } }
      await this.#complete(name, sizeBytes, new sdk.CompleteMultipartUploadCommand(input))
      return checksum
    } catch (error) {
      await Promise.allSettled(inFlight)
      const abort = new sdk.AbortMultipartUploadCommand({ ...object, UploadId: upload })
      // What is left of it is collected later.
      await this.#send(abort, () => {}).catch(() => {})
      throw error
    }
  }

  /** A completion whose answer was lost finds no upload the next time: then the object tells. */
  async #complete(name: string, sizeBytes: number, command: object): Promise<void> {
    let lost = false
    await this.#retry(`completing ${name}`, async () => {
      try {
        await this.#send(command, () => {})
      } catch (error) {
        if (lost && (await this.size(name)) === sizeBytes) return
        lost = true
        throw error
      }
    })
  }

  async putIfAbsent(name: string, bytes: Uint8Array): Promise<boolean> {
    this.#probed ??= this.#probe()
    try {
      await this.#probed
    } catch (error) {
      this.#probed = null
      throw error
    }
    return this.#retry(`putting ${name}`, async () => {
      try {
        await this.#putNew(name, bytes)
        return true
      } catch (cause) {
        const error = isPreconditionFailed(cause) ? null : s3Error(cause, `putting ${name} in ${this.where}`)
        if (error !== null && error.code !== 'ERR_OBJECT_STORE_UNKNOWN') throw error
        // It may be ours: of a request whose answer was lost.
        const found = await this.get(name)
        if (found !== null) return Buffer.from(found).equals(bytes)
        if (error !== null) throw error
        const message = `${this.where}/${name} was there, and was deleted before it could be read`
        throw new TidemarkError('ERR_OBJECT_STORE', message, { cause })
      }
    })
  }

  async #putNew(name: string, bytes: Uint8Array): Promise<void> {
    const { sdk, bucket } = this.#options
    const input = { Bucket: bucket, Key: this.#key(name), Body: bytes, ContentLength: bytes.length, IfNoneMatch: '*' }
    await this.#send(new sdk.PutObjectCommand(input), () => {})
  }

  /** ERR_OBJECT_STORE_UNSAFE when the server makes an object that is there although If-None-Match forbids it. */
  #probe(): Promise<void> {
    const bytes = new TextEncoder().encode('written to see whether If-None-Match is heeded here\n')
    return this.#retry('testing conditional writes', async () => {
      for (const there of [false, true]) {
        try {
          await this.#putNew(PROBE, bytes)
        } catch (error) {
          if (isPreconditionFailed(error)) return
          throw error
        }
        if (!there) continue
        throw new TidemarkError(
          'ERR_OBJECT_STORE_UNSAFE',
          `${this.where}: the server has replaced ${PROBE} although If-None-Match forbids it, so owners of a task could not be told apart. Use a server that heeds it.`,
        )
      }
    })
  }

  get(name: string): Promise<Uint8Array | null> {
    return this.#get(name, {})
  }

  async getRange(name: string, start: number, length: number): Promise<Uint8Array | null> {
    return length === 0 ? new Uint8Array(0) : this.#get(name, { Range: `bytes=${start}-${start + length - 1}` })
  }

  #get(name: string, range: { readonly Range?: string }): Promise<Uint8Array | null> {
    const { sdk, bucket } = this.#options
    interface Answer {
      readonly Body: { transformToByteArray(): Promise<Uint8Array> }
    }
    return this.#retry(`getting ${name}`, async () => {
      try {
        const command = new sdk.GetObjectCommand({ Bucket: bucket, Key: this.#key(name), ...range })
        return await this.#send(command, (answer: Answer) => answer.Body.transformToByteArray())
      } catch (error) {
        if (isMissing(error)) return null
        if (isRangePastEnd(error)) return new Uint8Array(0)
        throw error
      }
    })
  }

  async fetch(name: string, path: string, onBytes: (bytes: number) => void = () => {}): Promise<void> {
    const sizeBytes = await this.size(name)
    if (sizeBytes === null) throw new TidemarkError('ERR_FILE_NOT_FOUND', `there is no ${this.where}/${name}`)
    const file = this.#options.disk.open(path, 'create')
    try {
      file.truncate(0)
      for (let at = 0; at < sizeBytes; ) {
        const bytes = await this.getRange(name, at, Math.min(FETCH_BYTES, sizeBytes - at))
        if (bytes === null || bytes.length === 0) {
          throw new TidemarkError('ERR_FILE_NOT_FOUND', `${this.where}/${name} was deleted while it was read`)
        }
        file.write(bytes, at)
        at += bytes.length
        onBytes(bytes.length)
      }
      await file.syncLater()
    } finally {
      file.close()
    }
  }

  size(name: string): Promise<number | null> {
    const { sdk, bucket } = this.#options
    return this.#retry(`looking for ${name}`, async () => {
      try {
        const command = new sdk.HeadObjectCommand({ Bucket: bucket, Key: this.#key(name) })
        return await this.#send(command, (answer: { ContentLength: number }) => answer.ContentLength)
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
    })
  }

  async list(prefix: string): Promise<string[]> {
    const { sdk, bucket } = this.#options
    interface Answer {
      readonly Contents?: readonly { readonly Key: string }[]
      readonly IsTruncated?: boolean
      readonly NextContinuationToken?: string
    }
    const names: string[] = []
    let token: string | undefined
    do {
      const more = token === undefined ? {} : { ContinuationToken: token }
      const command = new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: this.#key(prefix), ...more })
      const page = await this.#retry(`listing ${prefix}`, () => this.#send(command, (answer: Answer) => answer))
      for (const { Key } of page.Contents ?? []) names.push(this.#nameOf(Key))
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined
    } while (token !== undefined)
    return names.sort()
  }

  #nameOf(key: string): string {
    return this.#options.prefix === '' ? key : key.slice(this.#options.prefix.length + 1)
  }

  async delete(name: string): Promise<void> {
    const { sdk, bucket } = this.#options
    const command = new sdk.DeleteObjectCommand({ Bucket: bucket, Key: this.#key(name) })
    await this.#retry(`deleting ${name}`, async () => {
      try {
        await this.#send(command, () => {})
      } catch (error) {
        if (!isMissing(error)) throw error
      }
    })
  }

  async dropUnfinished(prefix: string, choose: (name: string) => boolean): Promise<string[]> {
    const { sdk, bucket } = this.#options
    interface Answer {
      readonly Uploads?: readonly { readonly Key: string; readonly UploadId: string }[]
    }
    const command = new sdk.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: this.#key(prefix) })
    const page = await this.#retry(`listing ${prefix}`, () => this.#send(command, (answer: Answer) => answer))
    const dropped: string[] = []
    // One page is enough: what is on the next one is there the next time too.
    for (const { Key, UploadId } of page.Uploads ?? []) {
      const name = this.#nameOf(Key)
      if (!choose(name)) continue
      const abort = new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId })
      await this.#retry(`dropping the parts of ${name}`, async () => {
        await this.#send(abort, () => {}).catch((error: unknown) => {
          if (!isMissing(error)) throw error
        })
      })
      dropped.push(name)
    }
    return dropped
  }

  close(): void {
    this.#options.client.destroy()
  }
}

async function readPiece(file: DiskFile, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const count = (await file.readLater(bytes, done, length - done, start + done)) ?? length - done
    if (count === 0) throw new TidemarkError('ERR_DISK_IO', `${file.path} ends at ${start + done}: it has changed`)
    done += count
  }
  return bytes
}
