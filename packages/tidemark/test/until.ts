/** Waits until a condition holds, looking again and again; fails after a time that is long even on a busy machine. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  limitMs = 60_000,
): Promise<void> {
  const start = performance.now()
  while (!(await condition())) {
    if (performance.now() - start > limitMs) throw new Error(`timed out: ${what}`)
    await new Promise((done) => setTimeout(done, 5))
  }
}
