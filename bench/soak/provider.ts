/** The emulator in a process of its own, which keeps no more of the past than it needs. */
import { createEmulator } from '../../server/emulator/src/index.ts'
import { answer } from '../relay/remote.ts'

/** About eight seconds of speech. */
const ANSWER =
  'That is a good question, and there is more than one answer to it. ' +
  'Some would say that it depends on the weather, and others that it depends on who you ask.'

const emulator = await createEmulator({
  port: 0,
  keepAudioMs: 10_000,
  keepConnections: 8,
  // Hardly faster than it is spoken: nothing lies ready that could hide an uneven line.
  pace: { speed: 1.25 },
  respond: () => ({ text: ANSWER }),
})

const actions = { port: () => Number(new URL(emulator.url).port) }

export type ProviderActions = typeof actions

answer(actions)
