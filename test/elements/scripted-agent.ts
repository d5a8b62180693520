import type { VoiceAgent } from '../../elements/index.ts'
import { ready, ScriptedProvider } from '../support/scripted-provider.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'
import { mountAgent, settled } from './fixture.ts'

/** An agent on an empty page whose provider is the test, and says on the wire what it is asked. */
export async function mountScripted(
  children: string,
  capabilities: Partial<ScriptedProvider['capabilities']> = {},
): Promise<VoiceAgent> {
  const agent = await mountAgent('', children)
  agent.provider = new ScriptedProvider({ capabilities, silentOn: ['close'] })
  await settled(agent)
  return agent
}

/** Does something that starts a session, and answers until that is open. */
export async function openBy(start: () => unknown): Promise<ScriptedSocket> {
  const dialled = ScriptedSocket.next()
  start()
  return ready(await dialled)
}

/** Resolved when the session of an agent is in a state. */
export async function reached(agent: VoiceAgent, state: string): Promise<void> {
  while (agent.session?.state !== state) {
    await new Promise((resolve) => agent.addEventListener('statechange', resolve, { once: true }))
  }
  await settled(agent)
}
