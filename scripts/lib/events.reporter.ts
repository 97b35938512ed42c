import { inspect } from 'node:util'
import type { TestEvent } from 'node:test/reporters'

/** What the runner wants to know of an event of node:test, as one line of JSON. */
export interface ReportedEvent {
  readonly type: 'start' | 'pass' | 'fail' | 'summary'
  readonly name: string
  /** Absolute; empty where it is not told. */
  readonly file: string
  readonly line: number
  /** A suite groups tests and is not counted itself. */
  readonly suite: boolean
  readonly skip: string | boolean
  readonly todo: string | boolean
  /** Why it failed; empty for a parent whose subtest has told why. */
  readonly reason: string
}

/** A reporter of node:test (which takes a default export only) that writes events as lines of JSON. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  for await (const event of source) {
    const line = toLine(event)
    if (line !== null) yield `${JSON.stringify(line)}\n`
  }
}

const NOTHING = { name: '', file: '', line: 0, suite: false, skip: false, todo: false, reason: '' } as const

function toLine(event: TestEvent): ReportedEvent | null {
  switch (event.type) {
    // test:start comes only when the test is reported, after it has ended.
    case 'test:dequeue':
      return {
        ...NOTHING,
        type: 'start',
        name: event.data.name,
        file: event.data.file ?? '',
        line: event.data.line ?? 0,
      }
    case 'test:pass': {
      const { name, file = '', line = 0, details, skip = false, todo = false } = event.data
      return { type: 'pass', name, file, line, suite: details.type === 'suite', skip, todo, reason: '' }
    }
    case 'test:fail': {
      const { name, file = '', line = 0, details, skip = false, todo = false } = event.data
      return {
        type: 'fail',
        name,
        file,
        line,
        suite: details.type === 'suite',
        skip,
        todo,
        reason: reasonOf(details.error),
      }
    }
    case 'test:summary':
      return { ...NOTHING, type: 'summary' }
    default:
      return null
  }
}

/** node:test wraps what was thrown in an error of its own. */
function reasonOf(error: Error): string {
  if ('failureType' in error && error.failureType === 'subtestsFailed') return ''
  return inspect(error.cause ?? error, { depth: 6 })
}
