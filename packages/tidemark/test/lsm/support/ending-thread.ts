import { parentPort } from 'node:worker_threads'

/* A compaction thread that ends when it is asked for something. */
parentPort?.on('message', () => process.exit(3))
