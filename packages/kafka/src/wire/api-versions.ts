import type { Api } from './api.ts'

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
  read(reader) {
    const error = reader.int16()
    // A broker that does not know the version answers in version 0, with an error and another form of list.
    if (error !== 0) return { error, apis: [] }
    const apis = reader.array((r) => {
      const range = { key: r.int16(), min: r.int16(), max: r.int16() }
      r.tags()
      return range
    })
    return { error, apis }
  },
}
