/** Where a text stops being JSON, and what is wrong there. */
export interface JsonError {
  readonly index: number
  readonly error: string
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /[\p{L}\p{N}_$]+/uy
const HEX = /^[0-9a-fA-F]{4}$/

/**
 * Finds the first place where a text stops being JSON (RFC 8259); null if it is JSON. JSON.parse tells the place only
 * for some of its errors, so this scans a text that JSON.parse has refused. Iterative: depth is bounded by memory only.
 */
export function findJsonError(text: string): JsonError | null {
  return new Scanner(text).scan()
}

class Scanner {
  readonly #text: string
  #at = 0
  #error: JsonError | null = null
  /** What is open, innermost last: `{` or `[`. */
  readonly #open: string[] = []

  constructor(text: string) {
    this.#text = text
  }

  scan(): JsonError | null {
    this.#space()
    if (!this.#value()) return this.#error
    while (this.#open.length > 0) {
      this.#space()
      if (!this.#step()) return this.#error
    }
    this.#space()
    if (this.#at < this.#text.length) this.#fail(`${this.#shown()} after the end of the value`)
    return this.#error
  }

  /** After a value inside an object or array: a comma with the next value, or the end of it. */
  #step(): boolean {
    const inObject = this.#open.at(-1) === '{'
    const next = this.#text[this.#at]
    if (next === (inObject ? '}' : ']')) {
      this.#at++
      this.#open.pop()
      return true
    }
    if (next !== ',') {
      return this.#fail(`',' or '${inObject ? '}' : ']'}' expected, but found ${this.#shown()}`)
    }
    this.#at++
    this.#space()
    return (!inObject || this.#property()) && this.#value()
  }

  #value(): boolean {
    const next = this.#text[this.#at]
    if (next === '{' || next === '[') return this.#container(next)
    if (next === '"') return this.#string()
    for (const word of ['true', 'false', 'null']) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return true
      }
    }
    NUMBER.lastIndex = this.#at
    const number = NUMBER.exec(this.#text)
    if (number === null) return this.#fail(`a value expected, but found ${this.#shown()}`)
    this.#at += number[0].length
    return true
  }

  /** Opens an object or array; an empty one is closed at once, else the first value is read. */
  #container(open: '{' | '['): boolean {
    this.#at++
    this.#space()
    if (this.#text[this.#at] === (open === '{' ? '}' : ']')) {
      this.#at++
      return true
    }
    this.#open.push(open)
    if (open === '{' && !this.#property()) return false
    const next = this.#text[this.#at]
    return next === '{' || next === '[' ? this.#nested() : this.#value()
  }

  /** Runs of opening brackets without recursion. */
  #nested(): boolean {
    for (;;) {
      const open = this.#text[this.#at]
      if (open !== '{' && open !== '[') return this.#value()
      this.#at++
      this.#space()
      if (this.#text[this.#at] === (open === '{' ? '}' : ']')) {
        this.#at++
        return true
      }
      this.#open.push(open)
      if (open === '{' && !this.#property()) return false
    }
  }

  #property(): boolean {
    if (this.#text[this.#at] !== '"')
      return this.#fail(`a property name in quotes expected, but found ${this.#shown()}`)
    if (!this.#string()) return false
    this.#space()
    if (this.#text[this.#at] !== ':') return this.#fail(`':' expected, but found ${this.#shown()}`)
    this.#at++
    this.#space()
    return true
  }

  #string(): boolean {
    const start = this.#at++
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (Number.isNaN(code)) return this.#fail('this string is never closed', start)
      if (code < 0x20) return this.#fail('a control character inside a string')
      if (code === 0x5c && !this.#escape()) return false
      this.#at++
      if (code === 0x22) return true
    }
  }

  #escape(): boolean {
    const next = this.#text[this.#at + 1]
    if (next === 'u' && !HEX.test(this.#text.slice(this.#at + 2, this.#at + 6))) {
      return this.#fail('an incomplete \\u escape')
    }
    if (next === undefined || !'"\\/bfnrtu'.includes(next)) return this.#fail('an unknown escape in a string')
    this.#at += next === 'u' ? 5 : 1
    return true
  }

  #space(): void {
    while (this.#at < this.#text.length && ' \t\n\r'.includes(this.#text[this.#at] as string)) this.#at++
  }

  #shown(): string {
    if (this.#at >= this.#text.length) return 'the end'
    WORD.lastIndex = this.#at
    const word = WORD.exec(this.#text)?.[0] ?? String.fromCodePoint(this.#text.codePointAt(this.#at) as number)
    return word.length > 20 ? `'${word.slice(0, 20)}…'` : `'${word}'`
  }

  #fail(error: string, index = this.#at): false {
    this.#error = { index, error: `not JSON: ${error}` }
    return false
  }
}
