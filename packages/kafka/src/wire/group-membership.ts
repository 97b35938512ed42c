import type { Api } from './api.ts'

export interface JoinGroupRequest {
  readonly group: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** '' at first: the broker gives a name and wants it back (MEMBER_ID_REQUIRED). */
  readonly member: string
  readonly protocolType: string
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[]
  readonly reason: string | null
}

export interface JoinGroupResponse {
  readonly error: number
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string
  readonly member: string
  /** Only the leader is told of the others. */
  readonly members: readonly { readonly member: string; readonly metadata: Uint8Array }[]
}

/** Answers when the group is complete: send it on a lane of its own, since a broker answers a connection in order. */
export const joinGroup: Api<JoinGroupRequest, JoinGroupResponse> = {
  name: 'JoinGroup',
  key: 11,
  minVersion: 9,
  version: 9,
  write(writer, q) {
    writer.string(q.group).int32(q.sessionTimeoutMs).int32(q.rebalanceTimeoutMs).string(q.member).string(null)
    writer.string(q.protocolType)
    writer.array(q.protocols, (w, { name, metadata }) => w.string(name).bytes(metadata).tags())
    writer.string(q.reason).tags()
  },
  read(reader) {
    reader.int32()
    const error = reader.int16()
    const generation = reader.int32()
    reader.nullableString()
    const protocol = reader.nullableString()
    const leader = reader.string()
    reader.bool()
    const member = reader.string()
    const members = reader.array((r) => {
      const name = r.string()
      r.nullableString()
      const metadata = r.bytes()
      r.tags()
      return { member: name, metadata }
    })
    return { error, generation, protocol, leader, member, members }
  },
}

export interface SyncGroupRequest {
  readonly group: string
  readonly generation: number
  readonly member: string
  readonly protocolType: string
  readonly protocol: string
  /** From the leader only. */
  readonly assignments: readonly { readonly member: string; readonly assignment: Uint8Array }[]
}

export interface SyncGroupResponse {
  readonly error: number
  readonly assignment: Uint8Array
}

/** Answers when the leader has sent its own: also for a lane of its own. */
export const syncGroup: Api<SyncGroupRequest, SyncGroupResponse> = {
  name: 'SyncGroup',
  key: 14,
  minVersion: 5,
  version: 5,
  write(writer, q) {
    writer.string(q.group).int32(q.generation).string(q.member).string(null)
    writer.string(q.protocolType).string(q.protocol)
    writer.array(q.assignments, (w, { member, assignment }) => w.string(member).bytes(assignment).tags())
    writer.tags()
  },
  read(reader) {
    reader.int32()
    const error = reader.int16()
    reader.nullableString()
    reader.nullableString()
    return { error, assignment: reader.bytes() }
  },
}

export interface HeartbeatRequest {
  readonly group: string
  readonly generation: number
  readonly member: string
}

export const heartbeat: Api<HeartbeatRequest, { readonly error: number }> = {
  name: 'Heartbeat',
  key: 12,
  minVersion: 4,
  version: 4,
  write(writer, q) {
    writer.string(q.group).int32(q.generation).string(q.member).string(null).tags()
  },
  read(reader) {
    reader.int32()
    return { error: reader.int16() }
  },
}

export interface LeaveGroupRequest {
  readonly group: string
  readonly member: string
  readonly reason: string | null
}

export const leaveGroup: Api<LeaveGroupRequest, { readonly error: number }> = {
  name: 'LeaveGroup',
  key: 13,
  minVersion: 5,
  version: 5,
  write(writer, q) {
    writer.string(q.group).array([q], (w, { member, reason }) => w.string(member).string(null).string(reason).tags())
    writer.tags()
  },
  read(reader) {
    reader.int32()
    const error = reader.int16()
    const [first] = reader.array((r) => {
      r.string()
      r.nullableString()
      const own = r.int16()
      r.tags()
      return own
    })
    return { error: error === 0 ? (first ?? 0) : error }
  },
}
