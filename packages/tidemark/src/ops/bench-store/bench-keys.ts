/** Bytes of a key: a letter and 15 digits, so that keys are in the order of their numbers. */
export const KEY_BYTES = 16

const DIGITS = KEY_BYTES - 1
const ZERO = 48
const LETTER = 107

/** Writes key number `n` at `at`. A `missing` key stands between key n and its neighbour, and is never put. */
export function writeKey(target: Uint8Array, at: number, n: number, missing: boolean): void {
  target[at] = LETTER
  // Numbers are doubled, so that there is room for a key between any two.
  let rest = 2 * n + (missing ? 1 : 0)
  for (let i = at + DIGITS; i > at; i--) {
    const tens = Math.floor(rest / 10)
    target[i] = ZERO + rest - 10 * tens
    rest = tens
  }
}

/** Which key comes next. */
export type Draw = () => number

/** Every number below `count` with the same chance. */
export function uniform(count: number, random: () => number): Draw {
  return () => Math.floor(random() * count)
}

/** Every number below `count` once, in an order that looks random; then again from the start. */
export function permuted(count: number): Draw {
  const step = coprimeStep(count)
  let at = 0
  return () => {
    const n = at
    at = (at + step) % count
    return n
  }
}

/** A step near the golden section of `count` that visits every number: it shares no divisor with `count`. */
function coprimeStep(count: number): number {
  let step = Math.max(1, Math.floor(count * 0.6180339887))
  while (divisor(step, count) !== 1) step++
  return step
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}

const SKEW = 0.99

/**
 * Zipf's distribution with exponent 0.99 over `count` numbers, scattered so that frequent keys are not neighbours. The
 * method is that of Gray, Sundaresan, Englert, Baclawski and Weinberger, "Quickly generating billion-record synthetic
 * databases" (SIGMOD 1994), which YCSB uses too.
 */
export function zipf(count: number, random: () => number): Draw {
  const zeta = harmonic(count)
  const alpha = 1 / (1 - SKEW)
  const eta = (1 - (2 / count) ** (1 - SKEW)) / (1 - harmonic(2) / zeta)
  const step = coprimeStep(count)
  const second = 1 + 0.5 ** SKEW
  return () => {
    const u = random()
    const uz = u * zeta
    let rank = uz < 1 ? 0 : 1
    if (uz >= second) rank = Math.min(count - 1, Math.floor(count * (eta * u - eta + 1) ** alpha))
    return scatter(rank, step, count)
  }
}

/** rank * step modulo count, exact for any count below 2^40 or so: the product of two large numbers is not. */
function scatter(rank: number, step: number, count: number): number {
  const high = Math.floor(rank / 1024)
  const low = rank % 1024
  return (((((high * step) % count) * 1024) % count) + ((low * step) % count)) % count
}

function harmonic(count: number): number {
  let sum = 0
  for (let i = 1; i <= count; i++) sum += 1 / i ** SKEW
  return sum
}
