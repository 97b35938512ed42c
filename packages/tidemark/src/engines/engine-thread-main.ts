import { type MessagePort, workerData } from 'node:worker_threads'
import { toWireError } from '../errors/error.ts'
import type { EngineAnswer, EngineRequest, EngineThreadData } from './engine-thread.ts'
import { nativeError } from './native-error.ts'
import type { NativeWriter } from './native.ts'
import { nativeEngine } from './native-engines.ts'
import { unpack } from './packed-entries.ts'

const { engine, requests, urgent, answered } = workerData as EngineThreadData
const writers = new Map<string, NativeWriter>()
const counter = new Int32Array(answered)

async function answer(request: EngineRequest): Promise<unknown> {
  if (request.op === 'attach') {
    writers.set(request.location, await nativeEngine(engine).attach(request.attachment))
    return null
  }
  const writer = writers.get(request.location)
  if (writer === undefined) throw new Error(`${request.location} is not attached`)
  switch (request.op) {
    case 'entries':
      unpack(request.bytes, nativeEngine(engine).sealed, (key, value) => {
        if (value === null) writer.delete(key)
        else writer.put(key, value)
      })
      return null
    case 'commit':
      await writer.commit()
      return null
    case 'discard':
      writer.discard()
      return null
    case 'detach':
      writers.delete(request.location)
      await writer.close()
      return null
    case 'ask':
      return writer.answer(request.question)
  }
}

async function outcomeOf(request: EngineRequest): Promise<EngineAnswer> {
  try {
    return { value: await answer(request), error: null }
  } catch (error) {
    return { value: null, error: toWireError(nativeError(engine, actionOf(request), request.location, error)) }
  }
}

function actionOf(request: EngineRequest): string {
  return request.op === 'ask' ? 'read' : request.op === 'attach' ? 'open' : 'write'
}

async function answerAfter(
  before: Promise<void>,
  request: EngineRequest,
  port: MessagePort,
  afterwards: () => void,
): Promise<void> {
  await before
  port.postMessage(await outcomeOf(request))
  afterwards()
}

/** Requests of one port are done one after the other: their order is that of the entries. */
function serve(port: MessagePort, afterwards: () => void): void {
  let last: Promise<void> = Promise.resolve()
  port.on('message', (request: EngineRequest) => {
    last = answerAfter(last, request, port, afterwards)
  })
}

serve(requests, () => {})
serve(urgent, () => {
  Atomics.add(counter, 0, 1)
  Atomics.notify(counter, 0)
})
