/*
 * What members of the group `<job>.cluster` say to each other through the coordinator, as JSON in UTF-8. A member says who
 * it is and whether it owns the tasks; the leader tells all of them who does. One process owns all tasks, the others wait.
 */

/** Members that speak another way are refused by the coordinator (INCONSISTENT_GROUP_PROTOCOL). */
export const PROTOCOL_TYPE = 'tidemark'
export const PROTOCOL = 'one-owner-1'

/** What a member says of itself. */
export interface MemberMeta {
  readonly owns: boolean
  /** Since when it owns, or waits: wall clock, ms. */
  readonly sinceMs: number
  readonly host: string
  readonly pid: number
}

export interface Candidate {
  readonly member: string
  /** Null: what it said cannot be read. */
  readonly meta: MemberMeta | null
}

/** Who owns the tasks. */
export interface Owner {
  readonly member: string
  readonly host: string
  readonly pid: number
  readonly sinceMs: number
}

const utf8 = new TextEncoder()
const text = new TextDecoder()

/**
 * The owner of the next generation: who owns stays (of several, which cannot be, the one that was given the tasks last), or
 * who waits longest is next. Pure. Null: there is nobody.
 */
export function chooseOwner(candidates: readonly Candidate[], nowMs: number): Owner | null {
  const [first] = candidates
    .flatMap(({ member, meta }) => (meta === null ? [] : [{ ...meta, member }]))
    .toSorted((a, b) => {
      if (a.owns !== b.owns) return a.owns ? -1 : 1
      const longest = a.owns ? b.sinceMs - a.sinceMs : a.sinceMs - b.sinceMs
      return longest === 0 ? (a.member < b.member ? -1 : 1) : longest
    })
  if (first === undefined) return null
  const { member, host, pid, owns, sinceMs } = first
  return { member, host, pid, sinceMs: owns ? sinceMs : nowMs }
}

export function encodeMeta(meta: MemberMeta): Uint8Array {
  return utf8.encode(JSON.stringify(meta))
}

export function decodeMeta(bytes: Uint8Array): MemberMeta | null {
  const found = parse(bytes)
  if (typeof found?.['owns'] !== 'boolean') return null
  const place = placeOf(found)
  return place === null ? null : { owns: found['owns'], ...place }
}

export function encodeOwner(owner: Owner): Uint8Array {
  return utf8.encode(JSON.stringify(owner))
}

export function decodeOwner(bytes: Uint8Array): Owner | null {
  const found = parse(bytes)
  if (typeof found?.['member'] !== 'string') return null
  const place = placeOf(found)
  return place === null ? null : { member: found['member'], ...place }
}

/** "process 123 on alpha (member tidemark-…, since 2026-11-29 10:00:00 UTC)". */
export function ownerText({ member, host, pid, sinceMs }: Owner): string {
  const since = new Date(sinceMs).toISOString().slice(0, 19).replace('T', ' ')
  return `process ${pid} on ${host} (member ${member}, since ${since} UTC)`
}

function placeOf({ host, pid, sinceMs }: Record<string, unknown>): Omit<MemberMeta, 'owns'> | null {
  if (typeof host !== 'string' || typeof pid !== 'number' || typeof sinceMs !== 'number') return null
  return { host, pid, sinceMs }
}

function parse(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text.decode(bytes))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
