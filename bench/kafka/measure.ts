import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchCodec, Case } from './cases.ts'
import { compare, type Comparison, type Round } from './compare.ts'
import { generate, runPeer, type SideResult } from './kafka-streams.ts'
import { difference, type Outputs, readOutputs, type Side } from './outputs.ts'
import { ownSideMissing, runOwn } from './tidemark-side.ts'

const PARTITIONS = 4

export interface MeasureOptions {
  readonly cases: readonly Case[]
  readonly rounds: number
  readonly records: number
  readonly threads: readonly number[]
  readonly cacheBytes: number
  readonly codec: BenchCodec
  /** Runs of Kafka Streams over the input before the one that is measured, in the same JVM. */
  readonly warmups: number
  readonly sides: readonly Side[]
  /** More arguments of `node` on our side. */
  readonly ownNode?: readonly string[]
  /** Flags of Kafka Streams' JVM, for tests that only look at its outputs. */
  readonly peerJvm?: readonly string[]
}

export interface MeasureSetting {
  readonly options: MeasureOptions
  readonly brokers: string
  /** Of the Java side: buildPeer. */
  readonly classes: string
  readonly directory: string
}

/**
 * Both sides in turns, each into an output topic and a directory of its own; which goes first alternates. In the first round
 * of each case the outputs of both are compared.
 */
export class Measure {
  readonly #setting: MeasureSetting
  readonly #filled = new Set<string>()
  #runs = 0

  constructor(setting: MeasureSetting) {
    this.#setting = setting
  }

  /** Throws when a side has processed other than all records, or when the outputs of both differ. */
  async case(test: Case, threads: number): Promise<Comparison> {
    const { options } = this.#setting
    await this.#fill(test)
    const rounds: Round[] = []
    for (let round = 0; round < options.rounds; round++) {
      const order = round % 2 === 0 ? options.sides : [...options.sides].reverse()
      const results: { peer: SideResult | null; own: SideResult | null } = { peer: null, own: null }
      const outputs: { peer: Outputs | null; own: Outputs | null } = { peer: null, own: null }
      for (const side of order) {
        const name = `${side}-${++this.#runs}`
        results[side] = await this.#run(side, name, test, threads)
        if (round === 0) outputs[side] = await this.#outputs(side, name, test)
      }
      const { peer, own } = outputs
      const differs = peer === null || own === null ? null : difference(peer, own)
      if (differs !== null) throw new Error(`the results of ${test.name} are not the same: ${differs}`)
      rounds.push(results)
    }
    return compare(test.name, threads, rounds)
  }

  /** Cases with the same keys share their input. */
  async #fill(test: Case): Promise<void> {
    const { brokers, classes, options } = this.#setting
    const topic = this.#input(test)
    if (this.#filled.has(topic)) return
    const { records, codec } = options
    await generate(classes, { brokers, topic, partitions: PARTITIONS }, { records, keys: test.keys, codec })
    this.#filled.add(topic)
  }

  #input({ keys }: Case): string {
    const { codec, records } = this.#setting.options
    return `bench-input-${keys}-${records}-${codec}`
  }

  async #run(side: Side, name: string, test: Case, threads: number): Promise<SideResult> {
    const { options, brokers, classes } = this.#setting
    const missing = ownSideMissing(test.job)
    if (side === 'own' && missing !== null) throw new Error(missing)
    const directory = join(this.#setting.directory, name)
    mkdirSync(directory)
    const { cacheBytes, codec, warmups } = options
    const more = { job: test.job, brokers, input: this.#input(test), output: `output-${name}`, cacheBytes, codec }
    const jvm = options.peerJvm === undefined ? {} : { jvm: options.peerJvm }
    try {
      const result =
        side === 'peer'
          ? await runPeer(classes, { ...more, threads, warmups, stateDirectory: directory, ...jvm })
          : await runOwn({ ...more, containers: threads, directory, node: options.ownNode ?? [] })
      if (result.records === options.records) return result
      throw new Error(`${side} has processed ${result.records} records, not ${options.records}`)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }

  async #outputs(side: Side, name: string, test: Case): Promise<Outputs> {
    const { brokers, options } = this.#setting
    const outputs = await readOutputs(brokers, `output-${name}`, test.job, side)
    const known = test.job === 'count' ? outputs.counted : test.job === 'pass' ? outputs.records : options.records
    if (known === options.records && outputs.records > 0) return outputs
    throw new Error(
      `the outputs of ${name} tell of ${known} records (${outputs.records} results), not ${options.records}`,
    )
  }
}
