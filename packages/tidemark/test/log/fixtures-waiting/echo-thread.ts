import { type MessagePort, parentPort } from 'node:worker_threads'
import { onBegin } from '../../../src/log/waiting-thread.ts'

/** Answers what it was begun with, by the port that came along, and ends. */
onBegin(({ text, port }: { readonly text: string; readonly port: MessagePort }) => {
  port.postMessage(`${text}, ${String(Reflect.get(globalThis, 'loaded') ?? 'nothing')} loaded`)
  port.close()
  parentPort?.postMessage('done')
})
