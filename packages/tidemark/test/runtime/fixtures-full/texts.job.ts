import { defineJob, json, kv, type StreamDef, stream, string } from '../../../src/index.ts'

export type Row = { readonly word: string; readonly text: string; readonly at: number }

export const rows: StreamDef<string, Row> = stream('rows', {
  key: string(),
  value: json<Row>(),
  time: ({ at }) => at,
})
const texts = kv('texts', { key: string(), value: string() })

/** Keeps a text for each word: state of any size. */
export default defineJob('texts', {
  inputs: { rows },
  stores: { texts },
  task: { rows: ({ value }, { stores }) => stores.texts.put(value.word, value.text) },
})
