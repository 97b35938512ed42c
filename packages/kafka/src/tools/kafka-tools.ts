import type {
  ExamineOptions,
  Finding,
  ListedLineage,
  ListedStream,
  PartitionBatches,
  ResetOptions,
  ResetPlan,
  StreamAppender,
  StreamRange,
  SystemTools,
} from 'tidemark/system'
import { registerKafkaCodecs } from '../codecs/register.ts'
import { connectOptions } from '../host/connect-options.ts'
import { Cluster } from '../net/cluster.ts'
import type { KafkaOptions } from '../options.ts'
import { openAppender } from './append-topic.ts'
import { examine } from '../doctor/examine.ts'
import { listTopics } from './list-topics.ts'
import { readTopic } from './read-topic.ts'
import { dropLineages, listLineages } from './job-lineages.ts'
import { planReset, resetJob } from './reset-job.ts'

/** A cluster as the command line's tools see it, beside any run. */
export class KafkaTools implements SystemTools {
  readonly #options: KafkaOptions
  readonly #cluster: Cluster

  private constructor(options: KafkaOptions, cluster: Cluster) {
    this.#options = options
    this.#cluster = cluster
  }

  /** As Cluster.connect. */
  static async connect(options: KafkaOptions): Promise<KafkaTools> {
    registerKafkaCodecs()
    return new KafkaTools(options, await Cluster.connect(connectOptions(options)))
  }

  list(): Promise<readonly ListedStream[]> {
    return listTopics(this.#cluster)
  }

  /** Topics do not tell how they are encoded. */
  serdes(): Promise<Pick<ListedStream, 'key' | 'value'>> {
    return Promise.resolve({ key: null, value: null })
  }

  read(stream: string, range: StreamRange): AsyncGenerator<PartitionBatches, void, void> {
    return readTopic(this.#cluster, stream, range)
  }

  appender(stream: string): Promise<StreamAppender> {
    return openAppender(this.#cluster, stream)
  }

  examine(what: ExamineOptions): Promise<readonly Finding[]> {
    return examine(this.#cluster, this.#options, what)
  }

  planReset(options: ResetOptions): Promise<ResetPlan> {
    return planReset(this.#cluster, options)
  }

  reset(plan: ResetPlan): Promise<void> {
    return resetJob(this.#cluster, plan)
  }

  lineages(job: string): Promise<readonly ListedLineage[]> {
    return listLineages(this.#cluster, job)
  }

  dropLineages(job: string, numbers: readonly number[]): Promise<void> {
    return dropLineages(this.#cluster, job, numbers)
  }

  close(): Promise<void> {
    this.#cluster.close()
    return Promise.resolve()
  }
}
