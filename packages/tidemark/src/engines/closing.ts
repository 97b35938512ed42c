/** By directory: databases of this thread that are being closed. The directory is free once they are. */
export const closing: Map<string, Promise<void>> = new Map<string, Promise<void>>()

/** Settles when every database that this thread has closed is closed indeed; never rejects. */
export async function enginesClosed(): Promise<void> {
  await Promise.allSettled(closing.values())
}
