import type { CheckpointManager } from '../checkpoint/manager.ts'
import { openCheckpointManager } from '../checkpoint/open-store.ts'
import { systemClock } from '../clock/clock.ts'
import { randomFrom, uniqueId } from '../clock/unique-id.ts'
import { nodeDisk } from '../disk/node-disk.ts'

/**
 * Opens a place for checkpoints: `file:///directory`, or `s3://bucket/prefix` with `?endpoint=` for a server other than
 * Amazon's (credentials and region come from where the AWS SDK looks). What a job has uploaded to `checkpoint.to` is below
 * `<to>/<job>/<lineage>`, one task for each of its tasks, by number.
 *
 * Throws ERR_CHECKPOINT_TARGET, ERR_S3_MISSING.
 */
export function openCheckpoints(to: string): CheckpointManager & { close(): void } {
  return openCheckpointManager({ to, disk: nodeDisk, clock: systemClock, random: randomFrom(uniqueId) })
}
