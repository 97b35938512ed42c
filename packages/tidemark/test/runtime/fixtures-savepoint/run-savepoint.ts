import { run } from '../../../src/index.ts'

/*
 * Runs a job in a process of its own, for tests that kill it: `node run-savepoint.ts URL OPTIONS RECORDS TO`. After so many
 * records it takes a savepoint, then ends by drain.
 */
const [url, options, records, to] = process.argv.slice(2)
if (url === undefined || options === undefined || to === undefined) {
  throw new TypeError('usage: run-savepoint.ts URL OPTIONS RECORDS TO')
}
const app = await run(new URL(url), JSON.parse(options) as object)
while (app.progress().records < Number(records)) await new Promise((done) => setTimeout(done, 1))
await app.savepoint({ to })
await app.drain()
