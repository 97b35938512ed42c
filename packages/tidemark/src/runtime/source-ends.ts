/**
 * Where the finite source streams of a job end in this run. Streams only grow: as long as none has more than before, all is
 * said by one text, and whatever was told to have ended with another text may have more to come.
 */
export class SourceEnds {
  readonly #records = new Map<string, number>()
  /** Empty until something is known. */
  text = ''

  set(stream: string, offsets: readonly number[]): void {
    this.#records.set(
      stream,
      offsets.reduce((sum, offset) => sum + offset, 0),
    )
    const streams = [...this.#records].toSorted(([a], [b]) => (a < b ? -1 : 1))
    this.text = streams.map(([name, records]) => `${name}:${records}`).join(' ')
  }
}
