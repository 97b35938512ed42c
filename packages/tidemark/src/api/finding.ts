/** What `tidemark doctor` has found out about one thing. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'problem'
  /** Stable, for scripts: `broker.versions`, `topic.config`. */
  readonly check: string
  /** What it is about: `broker 1 (host:9092)`, `topic visits`. */
  readonly subject: string
  /** What is so. */
  readonly text: string
  /** What to do about it; null where all is well. */
  readonly advice: string | null
}

export function ok(check: string, subject: string, text: string): Finding {
  return { level: 'ok', check, subject, text, advice: null }
}

/** It works, and may not go on to. */
export function warning(check: string, subject: string, text: string, advice: string): Finding {
  return { level: 'warning', check, subject, text, advice }
}

/** It does not work so. */
export function problem(check: string, subject: string, text: string, advice: string): Finding {
  return { level: 'problem', check, subject, text, advice }
}

/** What a job needs of a system. */
export interface JobNeeds {
  readonly job: string
  readonly tasks: number
  readonly commitTimeoutMs: number
  readonly streams: readonly NeededStream[]
}

export interface NeededStream {
  readonly name: string
  readonly kind: 'user' | 'intermediate'
  readonly use: 'read' | 'write' | 'both'
  readonly partitions: number
}
