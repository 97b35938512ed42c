import { decodeCheckpoint, parseTaskProducer, type ProducerState, TidemarkError } from 'tidemark/system'

/**
 * ERR_OFFSET_OUT_OF_RANGE when a task stands behind the end that a stream between steps had at the start (`ends`, by partition):
 * its topic was deleted, and made again perhaps, with what was on its way. Records there go only when they are committed.
 */
export function assertNothingLost(
  { producer, id, checkpoint }: ProducerState,
  ends: ReadonlyMap<string, readonly number[]>,
): void {
  const task = parseTaskProducer(producer)?.task
  if (task === undefined || id === 0) return
  for (const [stream, { position }] of Object.entries(decodeCheckpoint(checkpoint, producer).inputs)) {
    const end = ends.get(stream)?.[task]
    if (end === undefined || position <= end) continue
    throw new TidemarkError(
      'ERR_OFFSET_OUT_OF_RANGE',
      `task ${task} has read stream "${stream}", partition ${task}, up to offset ${position}, and the stream ends at ${end}: its ` +
        'topic was deleted. What was on its way in it is lost, and results would lack it. Start the job anew: tidemark reset',
      { details: { stream, partition: task, offset: position, end } },
    )
  }
}
