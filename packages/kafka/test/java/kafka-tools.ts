import { spawn } from 'node:child_process'
import { javaArguments, jdk } from '../../../../scripts/lib/services/kafka-programs.ts'

/*
 * The tools that Kafka brings, as their scripts in `bin` start them: the class of each is in its script. A call starts a
 * JVM and takes about a second.
 */
const TOOLS = {
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-transactions': 'org.apache.kafka.tools.TransactionsCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-dump-log': 'org.apache.kafka.tools.DumpLogSegments',
} as const

export type KafkaTool = keyof typeof TOOLS

export interface ToolRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const JVM = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** Runs a tool to its end, with a text as its standard input. Its exit code is for the caller to judge. */
export function kafkaTool(tool: KafkaTool, args: readonly string[], input = ''): Promise<ToolRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(jdk('java'), javaArguments(...JVM, TOOLS[tool], ...args))
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

/** A line of `kafka-consumer-groups --describe`: null where the tool prints a dash. */
export interface GroupLag {
  readonly topic: string
  readonly partition: number
  readonly current: number | null
  readonly end: number | null
  readonly lag: number | null
}

/** What `kafka-consumer-groups --describe` says of a group, by topic and partition. */
export async function groupLag(brokers: string, group: string): Promise<GroupLag[]> {
  const args = ['--bootstrap-server', brokers, '--describe', '--group', group]
  const { code, stdout, stderr } = await kafkaTool('kafka-consumer-groups', args)
  if (code !== 0) throw new Error(`kafka-consumer-groups: exit code ${code}\n${stdout}${stderr}`)
  return parseGroupLag(stdout)
}

/** The table has a heading of names; a column is found by its place in it. */
export function parseGroupLag(text: string): GroupLag[] {
  const rows = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((row) => row.length > 1)
  const heading = rows.findIndex((row) => row.includes('LOG-END-OFFSET'))
  if (heading === -1) return []
  const names = rows[heading] ?? []
  return rows
    .slice(heading + 1)
    .map((row) => {
      const field = (name: string): string => row[names.indexOf(name)] ?? '-'
      const number = (name: string): number | null => (field(name) === '-' ? null : Number(field(name)))
      return {
        topic: field('TOPIC'),
        partition: Number(field('PARTITION')),
        current: number('CURRENT-OFFSET'),
        end: number('LOG-END-OFFSET'),
        lag: number('LAG'),
      }
    })
    .sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition))
}

/** Values (or `key:value`) that the console consumer prints, once it has seen so many records. */
export async function consoleConsume(
  brokers: string,
  topic: string,
  options: { readonly records: number; readonly isolation?: string; readonly keys?: boolean },
): Promise<string[]> {
  const keys =
    options.keys === true ? ['--formatter-property', 'print.key=true', '--formatter-property', 'key.separator=:'] : []
  const args = ['--bootstrap-server', brokers, '--topic', topic, '--from-beginning']
  const bounds = ['--max-messages', String(options.records), '--timeout-ms', '20000']
  const isolation = ['--isolation-level', options.isolation ?? 'read_committed']
  const { code, stdout, stderr } = await kafkaTool('kafka-console-consumer', [
    ...args,
    ...bounds,
    ...isolation,
    ...keys,
  ])
  if (code !== 0) throw new Error(`kafka-console-consumer: exit code ${code}\n${stdout}${stderr}`)
  return stdout.split('\n').slice(0, -1)
}
