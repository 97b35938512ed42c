/*
 * Tasks count their commits each for itself, so a checkpoint of the whole job is named by its time: `20261124-024500`, in
 * UTC, with milliseconds when there are some: `20261124-024512.345`.
 */
const NAME = /^(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})(?:\.(\d{3}))?$/

export function checkpointName(atMs: number): string {
  const iso = new Date(atMs).toISOString()
  const name = `${iso.slice(0, 10).replaceAll('-', '')}-${iso.slice(11, 19).replaceAll(':', '')}`
  const ms = iso.slice(20, 23)
  return ms === '000' ? name : `${name}.${ms}`
}

/** Ms since 1970; null for what is not a name of a checkpoint. */
export function checkpointNameMs(name: string): number | null {
  const match = NAME.exec(name)
  if (match === null) return null
  const [year, month, day, hour, minute, second, ms] = match.slice(1).map((part) => Number(part ?? 0))
  const atMs = Date.UTC(year as number, (month as number) - 1, day, hour, minute, second, ms)
  return checkpointName(atMs) === name.replace('.000', '') ? atMs : null
}
