/** True for the URL of a place, which is no path. */
export function isPlace(text: string): boolean {
  return /^(?:file|s3):\/\//.test(text)
}
