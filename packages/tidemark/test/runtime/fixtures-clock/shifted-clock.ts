import { readFileSync } from 'node:fs'

/*
 * To be imported before all else (`node --import`), in every thread: the wall clock is off by as many ms as the file of
 * TIDEMARK_TEST_CLOCK says, from a few ms after it says so.
 */
const file = process.env['TIDEMARK_TEST_CLOCK']
if (file === undefined) throw new TypeError('TIDEMARK_TEST_CLOCK names no file')
const machineNow = Date.now.bind(Date)
let offsetMs = 0
let lookedAtMs = Number.NEGATIVE_INFINITY
Date.now = () => {
  if (performance.now() - lookedAtMs > 2) {
    lookedAtMs = performance.now()
    offsetMs = Number(readFileSync(file, 'utf8'))
  }
  return machineNow() + offsetMs
}
