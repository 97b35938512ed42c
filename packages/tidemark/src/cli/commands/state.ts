import type { Command } from 'commander'
import { KAFKA_KEYS } from '../kafka-settings.ts'
import { addDataCommand, type CliContext, examples, type Options } from '../context.ts'

const KEY_NOTE = `
A key is given as text for string stores and as JSON for all others (5, [1,"a"], {"id":7}). A window is given by its start,
in ms since 1970 or as a time such as 2013-01-01T05:00Z. State is read as of each task's last commit, also while the job
runs.`

const WHEN_FLAGS = [
  ['--checkpoint <name>', 'as of a retained checkpoint (see tidemark checkpoint list)'],
  ['--savepoint <dir>', 'as in a savepoint; no data directory is needed'],
] as const

const JOB_FLAG = ['--job <job>', 'with --brokers: the job module, or the name of the job'] as const

/** `tidemark state get|scan|diff`. */
export function addState(program: Command, context: CliContext): void {
  const state = program.command('state').description('the committed state of a job')
  addDataCommand(state, {
    name: 'get',
    about: 'print the value of one key',
    flags: [
      ['--store <name>', 'the store'],
      ['--key <key>', 'the key'],
      ['--window <start>', 'the window, in a store of windows or sessions'],
      ['--at <time>', 'the value of that time, in a versioned store'],
      ...WHEN_FLAGS,
    ],
    examples: [
      'tidemark state get --store visits-by-user --key ada',
      'tidemark state get --store visits-per-hour --key ada --window 2013-01-01T05:00Z --json',
      'tidemark state get --store visits-by-user --key ada --checkpoint 20261124-024500',
    ],
    notes: `Exit code 1 when there is no such key (ERR_NO_SUCH_KEY).\n${KEY_NOTE}`,
    run: async (options) => {
      const { getState } = await import('../state-commands.ts')
      await getState(options, context)
    },
  })
  addDataCommand(state, {
    name: 'scan',
    about: 'print the entries of a store in key order, of all tasks',
    flags: [
      ['--store <name>', 'the store'],
      ['--key <key>', 'only this key, with all its windows'],
      ['--window <start>', 'only the windows that start then'],
      ['--prefix <text>', 'only keys whose bytes start with this text'],
      ['--from <key>', 'first key'],
      ['--to <key>', 'end of keys, not included'],
      ['--limit <n>', 'at most so many entries'],
      ['--reverse', 'from the last key to the first'],
      ...WHEN_FLAGS,
    ],
    examples: [
      'tidemark state scan --store visits-by-user --limit 10',
      'tidemark state scan --store visits-by-user --prefix a --json',
      'tidemark state scan --store visits-per-hour --key ada --reverse --limit 24',
    ],
    notes: `With --json one object a line: {"key":...,"value":...}, with "window":{"start":ms,"end":ms} for windows and sessions, "atMs" for versions, "index" for elements of lists.\n${KEY_NOTE}`,
    run: async (options) => {
      const { scanState } = await import('../state-commands.ts')
      await scanState(options, context)
    },
  })
  addDiff(state, context)
  addDrop(state, context)
  addRescale(state, context)
  addLineages(state, context)
  addStats(state, context)
  addVerify(state, context)
}

function addDrop(state: Command, context: CliContext): void {
  addDataCommand(state, {
    name: 'drop',
    about: 'remove a store that the job does not declare any more, or older lineages, while the job does not run',
    arguments: [['[store]', 'its name']],
    flags: [
      [
        '--lineage <n>',
        'instead of a store: an older lineage, by its number (tidemark state lineages), or older for all',
      ],
      ['--yes', 'remove lineages without asking'],
      JOB_FLAG,
    ],
    settings: KAFKA_KEYS,
    examples: [
      'tidemark state drop visits-by-browser',
      'tidemark state drop --lineage older --yes',
      'tidemark state drop --lineage older --job visits --brokers localhost:9092',
    ],
    notes: `
A store that is taken out of a job keeps its data until it is dropped. Retained checkpoints and savepoints keep it still.
A start from a savepoint in the savepoint's own data directory leaves the lineage before it: its state, retained checkpoints
and intermediate streams, which are removed here. Savepoints stay, and what was uploaded. On Kafka these are the lineage's
state topic and repartition topics, and its files here.`,
    run: async (options, [store]) => {
      const { dropLineage, lineageFlag } = await import('../lineage-commands.ts')
      const lineage = lineageFlag(store, options)
      if (lineage !== null) return dropLineage(lineage, options, context)
      const { dropState } = await import('../checkpoint-commands.ts')
      await dropState(store as string, options, context)
    },
  })
}

function addLineages(state: Command, context: CliContext): void {
  addDataCommand(state, {
    name: 'lineages',
    about: "the histories of a job's state in a data directory: each start from a savepoint makes one",
    flags: [JOB_FLAG],
    settings: KAFKA_KEYS,
    examples: [
      'tidemark state lineages',
      'tidemark state drop --lineage older',
      'tidemark state lineages --job visits.job.ts --brokers localhost:9092',
    ],
    notes: `
With --json one object a line: {"number","id","kind":"current"|"older"|"pending","atMs","from","tasks","stateBytes",
"checkpoints","records"}; records are those in the intermediate streams that are not trimmed yet. Of Kafka, stateBytes are those
of the state topic on its leaders; "atMs" is null for the first lineage, and "checkpoints" always: they are in data directories.`,
    run: async (options) => {
      const { showLineages } = await import('../lineage-commands.ts')
      await showLineages(options, context)
    },
  })
}

function addRescale(state: Command, context: CliContext): void {
  const command = state
    .command('rescale')
    .description('make a savepoint with another number of tasks out of one, to go on with more or fewer')
    .argument('<savepoint>', 'the savepoint: its directory, or an s3:// place; it is only read')
  command.option('--tasks <n>', 'how many tasks the new one has')
  command.option('--to <place>', 'where to write it: a new directory, or an s3:// place')
  command.option('--job <file>', 'the job module: needed for partitionBy functions, timers, and uneven streams')
  command.option(
    '--work <dir>',
    'where files are kept on their way to s3:// (default: the directory for temporary files)',
  )
  command.option('--json', 'machine-readable output; errors too, as one JSON object on standard error')
  examples(command, [
    'tidemark state rescale /safe/before --tasks 8 --to /safe/before-8',
    'tidemark state rescale /safe/before --tasks 8 --to /safe/before-8 --job visits.job.ts --json',
    'tidemark run visits.job.ts --from /safe/before-8 --data-dir ./data-8',
  ])
  command.addHelpText(
    'after',
    `
Every key's state, its open windows and its timers go to the task that the key belongs to among so many tasks; streams that
had a partition for each task have as many partitions then. With --job the plan for it is checked. What is written is complete
in itself; cut off, it is no savepoint, and the same command begins anew. Start it in a new data directory. With --json one
object: {"savepoint","directory","tasks","from":{"savepoint","directory","tasks"},"files","bytes","streams":[{"name","before",
"after"}]}. Exit codes: 0 done; 1 a store cannot be moved (ERR_STORE_RESCALE); 2 wrong flags, another job, or --to is not
empty; 5 the savepoint is damaged.`,
  )
  command.action(async (savepoint: string, options: Options) => {
    const { rescaleState } = await import('../state-rescale-command.ts')
    await rescaleState(savepoint, options, context)
  })
}

function addDiff(state: Command, context: CliContext): void {
  addDataCommand(state, {
    name: 'diff',
    about: 'print what was added, changed and removed in a store between two moments, in key order',
    flags: [
      ['--store <name>', 'the store'],
      ['--checkpoint <name>', 'from a retained checkpoint'],
      ['--savepoint <dir>', 'or from a savepoint'],
      ['--until <name>', 'to a retained checkpoint (default: now)'],
      ['--key <key>', 'only this key, with all its windows'],
      ['--prefix <text>', 'only keys whose bytes start with this text'],
      ['--from <key>', 'first key'],
      ['--to <key>', 'end of keys, not included'],
      ['--limit <n>', 'at most so many changes'],
    ],
    examples: [
      'tidemark state diff --store visits-by-user --checkpoint 20261124-024500',
      'tidemark state diff --store visits-by-user --checkpoint 20261124-024500 --until 20261124-024600 --json',
      'tidemark state diff --store visits-by-user --savepoint ./data/savepoints/20261124-024512 --limit 20',
    ],
    notes: `With --json one object a line: {"change":"added","key":...,"after":...}, {"change":"changed","key":...,"before":...,
"after":...}, {"change":"removed","key":...,"before":...}, with "window" for windows.\n${KEY_NOTE}`,
    run: async (options) => {
      const { diffState } = await import('../state-diff-command.ts')
      await diffState(options, context)
    },
  })
}

function addStats(state: Command, context: CliContext): void {
  addDataCommand(state, {
    name: 'stats',
    about: 'what each store takes in each task: keys, files, bytes, and how much of them is live',
    flags: [['--exact', 'count keys and live bytes by reading everything, rather than estimate them from samples']],
    examples: ['tidemark state stats', 'tidemark state stats --exact', 'tidemark state stats --data-dir ./data --json'],
    notes: `
keys: those that are there, unflushed ones too, and how far off that may be (+/-; 19 times of 20). stored: bytes of all
entries in files; live: of those that count, neither overwritten, deleted nor expired; space: stored for each live byte, and
of a task all its files, with indexes and filters, for each live byte. retained: files that only retained checkpoints keep.
entries: in files, overwritten ones and deletions too. plain: bytes before compression. recent: committed bytes that are in
no file yet. A look-up asks at most as many files as there are. RocksDB, LevelDB and LMDB do not tell what is live: --exact
counts it.
Of a running job also, since it started: look-ups below memory, files asked and blocks looked into by each, false positives
of the filters, hits of the block cache, what was flushed and merged, bytes written for each byte flushed, stalls; and who
uses memory against which bound. With --json one object a line: {"live":{...}} of a running job, one for each store and
task, then one for each task.`,
    run: async (options) => {
      const { showStateStats } = await import('../state-stats-command.ts')
      await showStateStats(options, context)
    },
  })
}

function addVerify(state: Command, context: CliContext): void {
  addDataCommand(state, {
    name: 'verify',
    about: 'read every byte of state and log, and check all checksums, orders, counts and references',
    flags: [
      ['--store <name>', 'only the tasks that have this store, only what concerns it, and not the log'],
      ['--savepoint <dir>', 'a savepoint, and nothing else; no data directory is needed'],
    ],
    examples: [
      'tidemark state verify',
      'tidemark state verify --store visits-by-user --json',
      'tidemark state verify --savepoint /safe/before-upgrade',
    ],
    notes: `
State in RocksDB, LevelDB and LMDB is read as a whole. The first two keep checksums of their blocks, LMDB does not.
Changes nothing; also while the job runs. Each finding is a line with file and position: a DAMAGE means that committed data
cannot be read as they were written, a leftover is named by nothing and harmless. With --json one object a line:
{"finding":{...}} for each, then one for each state directory, then {"log":...,"damages":n}.
Exit code 5 when there is a damage, 0 otherwise.`,
    run: async (options) => {
      const { verifyState } = await import('../state-check.ts')
      await verifyState(options, context)
    },
  })
}
