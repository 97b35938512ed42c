import { registerCodec } from 'tidemark/system'
import { lz4 } from './lz4.ts'
import { snappy } from './snappy.ts'

/** Makes snappy and lz4 known to this thread; calling it again changes nothing. */
export function registerKafkaCodecs(): void {
  registerCodec('snappy', snappy)
  registerCodec('lz4', lz4)
}
