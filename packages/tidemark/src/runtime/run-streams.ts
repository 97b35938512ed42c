import type { ErrorPolicy, InputSpec, OutputSpec, RunOptions } from '../api/app.ts'
import type { Plan } from '../dsl/plan.ts'
import { TidemarkError } from '../errors/error.ts'

/** The streams that records which fail are put aside into. */
export function deadLettersOf(run: RunOptions): string[] {
  const policies: (ErrorPolicy | undefined)[] = [run.onError]
  for (const specs of Object.values(run.inputs ?? {})) for (const spec of specs) policies.push(spec.onError)
  return policies.flatMap((p) => (typeof p === 'object' ? [p.deadLetter] : []))
}

/** Streams that come to an end: all their inputs are finite files, or the run was asked to stop at today's end. */
export function finiteInputs(planned: Plan, run: RunOptions): Set<string> {
  const finite = new Set<string>()
  for (const { name } of planned.inputs) {
    const specs = run.inputs?.[name] ?? []
    if (specs.length > 0 ? specs.every((s) => s.follow !== true) : run.untilEnd === true) finite.add(name)
  }
  return finite
}

/** ERR_UNKNOWN_STREAM, ERR_OPTION: what is given names streams of the job. */
export function checkNames(planned: Plan, run: RunOptions): void {
  const inputs = planned.inputs.map((i) => i.name)
  const outputs = planned.outputs.flatMap((o) => (o.stream === null ? [] : [o.name]))
  const check = (
    given: Readonly<Record<string, readonly (InputSpec | OutputSpec)[]>>,
    known: string[],
    what: string,
  ): void => {
    for (const name of Object.keys(given)) {
      if (known.includes(name)) continue
      throw new TidemarkError(
        'ERR_UNKNOWN_STREAM',
        `job ${planned.job} has no ${what} stream ${name}. Its ${what} streams: ${known.join(', ') || 'none'}`,
      )
    }
  }
  for (const name of deadLettersOf(run)) {
    if (!inputs.includes(name) && !planned.intermediates.some((i) => i.stream.name === name)) continue
    throw new TidemarkError(
      'ERR_OPTION',
      `onError: the dead-letter stream ${name} is read by job ${planned.job} itself, so that a record which fails would come back for ever. Name another stream`,
    )
  }
  check(run.inputs ?? {}, inputs, 'input')
  check(run.outputs ?? {}, [...outputs, ...inputs], 'output')
}
