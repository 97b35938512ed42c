/** So many places that are free again are kept before the rest moves up. */
const SLACK = 1024

/** A queue: `shift` costs the same however long it is. */
export class Fifo<T> {
  readonly #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  get last(): T | undefined {
    return this.length === 0 ? undefined : this.#items[this.#items.length - 1]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length || this.#head >= SLACK) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    return item
  }
}
