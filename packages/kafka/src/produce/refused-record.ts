import { batchHeader as header, TidemarkError } from 'tidemark/system'
import { kafkaError } from '../net/kafka-errors.ts'
import type { ProducedPartition } from '../wire/produce.ts'

/**
 * ERR_KAFKA_RECORD_REFUSED (ERR_KAFKA_DENIED where rights are missing): what was refused, where, which record of the batch
 * the broker names, and what to do. The caller knows the input's position and adds it.
 */
export function refusedRecord(
  topic: string,
  partition: number,
  batch: Uint8Array,
  answer: Pick<ProducedPartition, 'error' | 'message' | 'recordErrors'>,
): TidemarkError {
  const { name, remedy } = kafkaError(answer.error)
  const records = header.recordCount(batch, 0)
  const [first] = answer.recordErrors
  const said = first?.message ?? answer.message
  const which = first === undefined ? '' : `, record ${first.index} of them`
  const reason = said === null || said === '' ? name : `${name} (${said})`
  const details = { stream: topic, partition, records, kafka: name, sizeBytes: batch.length }
  return new TidemarkError(
    remedy === 'denied' ? 'ERR_KAFKA_DENIED' : 'ERR_KAFKA_RECORD_REFUSED',
    `${records} records for stream "${topic}", partition ${partition}${which}, were refused: ${reason}. ${advice(name)}`,
    { details: first === undefined ? details : { ...details, record: first.index } },
  )
}

function advice(name: string): string {
  if (name === 'MESSAGE_TOO_LARGE' || name === 'RECORD_LIST_TOO_LARGE')
    return 'Write smaller records, or raise max.message.bytes of the topic.'
  if (name === 'INVALID_TIMESTAMP')
    return 'Send timestamps that the topic takes (message.timestamp.before.max.ms and after.max.ms), or widen these.'
  if (name === 'TOPIC_AUTHORIZATION_FAILED' || name === 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
    return 'Give the user of this client the right to write (kafka-acls.sh).'
  return 'Look at what the topic demands of its records; sending the same again fails again.'
}
