import { resolve } from 'node:path'
import type { OutputSpec } from '../api/app.ts'
import type { StreamDef } from '../api/stream.ts'
import type { Disk } from '../disk/disk.ts'
import type { StreamInfo, SystemHost } from '../log/types.ts'
import { FileTarget, StreamTarget } from '../sources/sink-target.ts'
import { prepareStream } from './prepare-serdes.ts'
import { Sink, sinkProducer } from '../sources/sink.ts'

export interface SinkGroupOptions {
  readonly host: SystemHost
  readonly streams: ReadonlyMap<string, StreamInfo>
  readonly disk: Disk
  readonly onFailed: (error: Error) => void
}

/** The sinks of a run: copy what is committed in output streams to files and to standard output. */
export class SinkGroup {
  readonly #options: SinkGroupOptions
  readonly #sinks: Sink[] = []
  readonly #running: Promise<void>[] = []
  readonly #closers: (() => void)[] = []
  #abandoned = false

  constructor(options: SinkGroupOptions) {
    this.#options = options
  }

  async start(stream: StreamDef<unknown, unknown>, spec: OutputSpec): Promise<void> {
    const { host, streams, disk, onFailed } = this.#options
    const info = streams.get(stream.name) as StreamInfo
    await prepareStream(stream)
    const target = spec.path === '-' ? new StreamTarget(process.stdout) : new FileTarget(disk, resolve(spec.path))
    const meta = JSON.stringify({ stream: stream.name, output: target.name })
    const producer = await host.claim(sinkProducer(stream.name, target.name), meta)
    const log = await host.openPort([producer.producer])
    const readers = Array.from({ length: info.partitions }, (_, partition) => log.reader(info, partition))
    const sink = new Sink({ log, stream, info, producer, readers, target })
    this.#sinks.push(sink)
    this.#closers.push(() => {
      for (const reader of readers) reader.close()
      log.close()
    })
    this.#running.push(
      sink.run().catch((error: unknown) => {
        if (!this.#abandoned) onFailed(error instanceof Error ? error : new Error(String(error)))
      }),
    )
  }

  /** Writes all that is in the streams now; call when nothing more will be committed. */
  async finish(): Promise<void> {
    for (const sink of this.#sinks) sink.stop()
    await Promise.all(this.#running)
  }

  close(): void {
    this.#abandoned = true
    for (const close of this.#closers) close()
    this.#closers.length = 0
  }
}
