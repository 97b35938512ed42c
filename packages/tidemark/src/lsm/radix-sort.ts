const DIGIT_BITS = 11
const DIGITS: number = 1 << DIGIT_BITS
const LOW: number = DIGITS - 1

/**
 * Sorts numbers of 32 bits, and what belongs to each; those that are equal keep their order (least significant digit first,
 * Knuth, The Art of Computer Programming 3, 5.2.5). `most`: none is larger; the smaller it is, the fewer passes.
 */
export function radixSort(keys: Uint32Array, values: Uint32Array, most: number): void {
  const count = keys.length
  let fromKeys = keys
  let fromValues = values
  let toKeys: Uint32Array = new Uint32Array(count)
  let toValues: Uint32Array = new Uint32Array(count)
  const places = new Uint32Array(DIGITS)
  for (let shift = 0; shift < 32 && most >>> shift !== 0; shift += DIGIT_BITS) {
    countDigits(fromKeys, shift, places)
    for (let i = 0; i < count; i++) {
      const key = fromKeys[i] as number
      const digit = (key >>> shift) & LOW
      const place = places[digit] as number
      places[digit] = place + 1
      toKeys[place] = key
      toValues[place] = fromValues[i] as number
    }
    ;[fromKeys, toKeys] = [toKeys, fromKeys]
    ;[fromValues, toValues] = [toValues, fromValues]
  }
  if (fromKeys === keys) return
  keys.set(fromKeys)
  values.set(fromValues)
}

/** Of each digit: how many numbers have a smaller one. */
function countDigits(keys: Uint32Array, shift: number, places: Uint32Array): void {
  places.fill(0)
  for (let i = 0; i < keys.length; i++) {
    const digit = ((keys[i] as number) >>> shift) & LOW
    places[digit] = (places[digit] as number) + 1
  }
  let before = 0
  for (let digit = 0; digit < DIGITS; digit++) {
    const here = places[digit] as number
    places[digit] = before
    before += here
  }
}
