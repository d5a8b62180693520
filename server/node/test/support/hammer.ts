/** A process that takes from one window as fast as it can, and prints how often it was allowed to. */
import { RedisState } from '../../src/index.ts'

const [url = '', prefix = '', windowMs = '', maxRequests = '', forMs = ''] = process.argv.slice(2)
const state = new RedisState({ url, prefix, timeoutMs: 10_000 }, { info: () => {}, warn: console.error })
await state.opened()
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
const options = { windowMs: Number(windowMs), maxRequests: Number(maxRequests) }
const endsAt = performance.now() + Number(forMs)
let asked = 0
let allowed = 0
while (performance.now() < endsAt) {
  const verdicts = await Promise.all(Array.from({ length: 10 }, () => state.windows.take('shared', options)))
  asked += verdicts.length
  allowed += verdicts.filter((verdict) => verdict.allowed).length
}
process.stdout.write(`${JSON.stringify({ asked, allowed, status: state.status })}\n`)
await state.close()
process.exit(0)
