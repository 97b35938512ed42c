import type { Api } from './api.ts'
import type { WireReader } from './wire-reader.ts'

export interface ApiVersionsRequest {
  readonly softwareName: string
  readonly softwareVersion: string
}

export interface ApiRange {
  readonly key: number
  readonly min: number
  readonly max: number
}

export interface ApiVersionsResponse {
  readonly error: number
  readonly apis: readonly ApiRange[]
}

/** Which requests a broker understands, and in which versions. Version 3 came with Kafka 2.4. */
export const apiVersions: Api<ApiVersionsRequest, ApiVersionsResponse> = {
  name: 'ApiVersions',
  key: 18,
  minVersion: 3,
  version: 3,
  plainAnswerHeader: true,
  write(writer, q) {
    writer.string(q.softwareName).string(q.softwareVersion).tags()
  },
  read: readRanges,
}

function readRanges(reader: WireReader): ApiVersionsResponse {
  const error = reader.int16()
  // A broker that does not know the version answers in version 0, with an error and another form of list.
  if (error !== 0) return { error, apis: [] }
  const apis = reader.array((r) => {
    const range = { key: r.int16(), min: r.int16(), max: r.int16() }
    r.tags()
    return range
  })
  return { error, apis }
}

/** A feature of the cluster, such as `transaction.version`, and the level that it is at. */
export interface Feature {
  readonly name: string
  readonly level: number
}

const FINALIZED_FEATURES = 2

/** The same request; of the answer also the features that the cluster has switched on. */
export const apiVersionsAndFeatures: Api<
  ApiVersionsRequest,
  ApiVersionsResponse & { readonly features: readonly Feature[] }
> = {
  ...apiVersions,
  read(reader) {
    const ranges = readRanges(reader)
    let features: readonly Feature[] = []
    if (ranges.error !== 0) return { ...ranges, features }
    reader.int32()
    reader.tags((tag, r) => {
      if (tag !== FINALIZED_FEATURES) return
      features = r.array((f) => {
        const name = f.string()
        const level = f.int16()
        f.int16()
        f.tags()
        return { name, level }
      })
    })
    return { ...ranges, features }
  },
}
