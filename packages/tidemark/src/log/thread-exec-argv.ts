/** Options of Node that make modules load otherwise, and take a value: a thread loads the user's job too. */
const KEPT: readonly string[] = [
  '--import',
  '--require',
  '-r',
  '--conditions',
  '-C',
  '--experimental-loader',
  '--loader',
]

/**
 * What a thread's constructor gets beside its own options. A thread takes over its process's options, and refuses to start
 * from a file when `--input-type` is among them (ERR_INPUT_TYPE_NOT_ALLOWED), as with `node --input-type=module -e`. Only
 * then it is given a list of its own, of what loads modules: Node refuses a list with options of the process or of V8.
 */
export function threadExecArgv(execArgv: readonly string[] = process.execArgv): { readonly execArgv?: string[] } {
  if (!execArgv.some((each) => each === '--input-type' || each.startsWith('--input-type='))) return {}
  const kept = execArgv.flatMap((each, index) => {
    if (KEPT.includes(each)) return [each, ...execArgv.slice(index + 1, index + 2)]
    return KEPT.some((name) => name.startsWith('--') && each.startsWith(`${name}=`)) ? [each] : []
  })
  return { execArgv: kept }
}
