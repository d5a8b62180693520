import type { Provider } from '../../src/index.ts'
import { replayConversation } from '../../src/testing/replay-conversation.ts'

/** What became of each type of server message: `decoded` where it ever led to an event, else `passed`. */
export type Coverage = Record<string, 'decoded' | 'passed'>

/** Replays a recorded conversation and compares everything. @returns What became of each type of message. */
export async function replay(provider: Provider, path: string): Promise<Coverage> {
  const coverage: Coverage = {}
  const text = await (await fetch(`/test/fixtures/${path}`)).text()
  for (const { step, events } of replayConversation(provider, text, { name: path })) {
    const type = step.receive?.type
    if (type && coverage[type] !== 'decoded') coverage[type] = events.length > 0 ? 'decoded' : 'passed'
  }
  return coverage
}
