import { invariant } from '../../errors/error.ts'
import { FAILPOINTS, type Failpoint } from './failpoints.ts'

/**
 * The failpoint hook that a text like `journal-after-sync` or `journal-after-sync:3` asks for (the name of a step, and at
 * which hit, by default the first): it calls `kill` there. Null for no text, and for a step of another part (the variable
 * is read by containers too). Throws when the count is none.
 */
export function failpointOf(text: string | undefined, kill: () => void): ((name: Failpoint) => void) | null {
  if (text === undefined || text === '') return null
  const [name, count = '1'] = text.split(':')
  const left = { hits: Number(count) }
  invariant(left.hits >= 1, `TIDEMARK_FAILPOINT=${text} ends with a count of 1 or more`)
  if (!FAILPOINTS.some((failpoint) => failpoint === name)) return null
  return (hit) => {
    if (hit === name && --left.hits === 0) kill()
  }
}
