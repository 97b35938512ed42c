import type { Api, NamedError } from './api.ts'

export interface GroupMember {
  readonly member: string
  readonly clientId: string
  readonly host: string
}

export interface DescribedGroup {
  readonly error: number
  readonly group: string
  /** `Empty`, `Stable`, `Dead` (there is none) and others. */
  readonly state: string
  readonly members: readonly GroupMember[]
  /** What this user may do with it: bits by the numbers of Kafka's ACL operations. */
  readonly rights: number
}

/** To be asked of a group's coordinator. */
export const describeGroups: Api<readonly string[], readonly DescribedGroup[]> = {
  name: 'DescribeGroups',
  key: 15,
  minVersion: 5,
  version: 5,
  write(writer, groups) {
    writer
      .array(groups, (w, group) => w.string(group))
      .bool(true)
      .tags()
  },
  read(reader) {
    reader.int32()
    return reader.array((r) => {
      const error = r.int16()
      const group = r.string()
      const state = r.string()
      r.string()
      r.string()
      const members = r.array((m) => {
        const member = m.string()
        m.nullableString()
        const clientId = m.string()
        const host = m.string()
        m.bytes()
        m.bytes()
        m.tags()
        return { member, clientId, host }
      })
      const rights = r.int32()
      r.tags()
      return { error, group, state, members, rights }
    })
  },
}

/** Groups without members go, with the offsets that they have. To be asked of the coordinator. */
export const deleteGroups: Api<readonly string[], readonly NamedError[]> = {
  name: 'DeleteGroups',
  key: 42,
  minVersion: 2,
  version: 2,
  write(writer, groups) {
    writer.array(groups, (w, group) => w.string(group)).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array((r) => {
      const answer = { name: r.string(), error: r.int16(), message: null }
      r.tags()
      return answer
    })
  },
}
