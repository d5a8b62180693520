import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import type { Emulator, EmulatorOptions } from '../../src/index.ts'
import { TestClient } from './client.ts'
import { startEmulator } from './openai.ts'

/** A key that looks like Deepgram's. */
export function deepgramKey(): string {
  return randomBytes(20).toString('hex')
}

/** A Settings message that is right in every field. */
export const SETTINGS = {
  type: 'Settings',
  audio: {
    input: { encoding: 'linear16', sample_rate: 24000 },
    output: { encoding: 'linear16', sample_rate: 24000, container: 'none' },
  },
  agent: {
    listen: { provider: { type: 'deepgram', version: 'v1', model: 'nova-3' } },
    think: {
      provider: { type: 'open_ai', model: 'gpt-4o-mini' },
      prompt: 'Be brief.',
      functions: [
        {
          name: 'get_weather',
          description: 'Weather',
          parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        },
      ],
    },
    speak: { provider: { type: 'deepgram', model: 'aura-2-thalia-en' } },
  },
}

/** Connects as a browser does; nothing is sent yet. */
export async function connectAgent(
  context: TestContext,
  options: EmulatorOptions = {},
): Promise<{ emulator: Emulator; client: TestClient }> {
  const emulator = await startEmulator(context, options)
  const client = new TestClient(`${emulator.webSocketUrl}/v1/agent/converse`, ['token', deepgramKey()])
  await client.next('Welcome')
  return { emulator, client }
}

/** Connects and applies settings. */
export async function openAgent(context: TestContext, options: EmulatorOptions = {}, agent: object = {}) {
  const fixture = await connectAgent(context, options)
  fixture.client.send({ ...SETTINGS, agent: { ...SETTINGS.agent, ...agent } })
  await fixture.client.next('SettingsApplied')
  return fixture
}
