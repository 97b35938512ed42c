const SHOWN_BYTES = 32

/** Bytes [start, end) for a message, bounded: hex of at most 32 of them, and how many there are. */
export function hexOf(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  const count = end - start
  let text = ''
  for (let i = start; i < end && i < start + SHOWN_BYTES; i++)
    text += (bytes[i] as number).toString(16).padStart(2, '0')
  if (count > SHOWN_BYTES) text += '…'
  return `${count} ${count === 1 ? 'byte' : 'bytes'}${count === 0 ? '' : ` 0x${text}`}`
}

const SHOWN_CHARACTERS = 60

/** A value for a message, bounded and without running its code. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return bounded(JSON.stringify(value))
  if (typeof value === 'bigint') return bounded(`${value}n`)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return `an object of ${className(value)}`
  return String(value)
}

/** The name of an object's class, for messages. */
export function className(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype !== 'object' || prototype === null) return 'no class'
  const maker: unknown = Reflect.get(prototype, 'constructor')
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'an unnamed class'
}

function bounded(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`
}
