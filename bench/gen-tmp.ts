import { buildPeer, generate } from '/work/k-java/bench/kafka/kafka-streams.ts'
const classes = await buildPeer()
await generate(classes, { brokers: '127.0.0.1:19770', topic: 'in-a', partitions: 4 }, { records: 4_000_000, keys: 100_000, codec: 'none' })
