import { invariant } from '../errors/error.ts'
import type { Base, BaseIterator, Steps, StoreDescriptor } from '../store/types.ts'
import { NativeIterator } from './native-iterator.ts'

/** What a reader sees of a base that its owner has not made yet. */
export class EmptyBase implements Base {
  readonly id = 0
  readonly descriptors: readonly StoreDescriptor[] = []
  readonly valueBytes: Uint8Array = new Uint8Array(0)
  readonly valueStart = 0
  readonly valueEnd = 0

  get(): 0 {
    return 0
  }

  scan(): BaseIterator {
    return new NativeIterator(null, () => {}, null)
  }

  // oxlint-disable-next-line require-yield -- it has no steps
  *write(): Steps {
    invariant(false, 'a base is written by its owner only')
  }

  approximateCount(): number {
    return 0
  }

  statistics(): { readonly files: number; readonly bytes: number; readonly entries: number } {
    return { files: 0, bytes: 0, entries: 0 }
  }

  close(): void {
    // Nothing is open.
  }
}
