/**
 * Blocks this thread until a counter that another one adds to and then notifies is no longer `before`: true, or false when
 * it still is after `timeoutMs`. To be woken is not enough: the notification may be the one of the change before, by a
 * thread that was held up between its add and its notify.
 */
export function awaitChange(counter: Int32Array, before: number, timeoutMs: number): boolean {
  while (Atomics.load(counter, 0) === before) {
    if (Atomics.wait(counter, 0, before, timeoutMs) === 'timed-out') return false
  }
  return true
}
