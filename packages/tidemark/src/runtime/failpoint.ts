/** Reads `TIDEMARK_FAILPOINT=name[:n]`: at its n-th passing of that point the process kills itself, for crash tests. */
export function failpointFromEnvironment(): (name: string) => void {
  const wanted = process.env['TIDEMARK_FAILPOINT']
  if (wanted === undefined || wanted === '') return ignore
  const [point, count] = wanted.split(':')
  let left = count === undefined ? 1 : Number(count)
  return (name) => {
    if (name === point && --left === 0) process.kill(process.pid, 'SIGKILL')
  }
}

function ignore(): void {}
