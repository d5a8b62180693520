import assert from 'node:assert/strict'
import type { Emulator } from '../../server/emulator/src/index.ts'
import type { Outcome, Place } from './conversations.ts'

/** What every client must have brought home. */
export function assertConversation(outcome: Outcome): void {
  assert.match(outcome.userTranscript, /^\(1\.\d seconds of speech\)$/)
  assert.match(outcome.agentTranscript, /^I heard you speak for 1\.\d seconds\. \w/)
  assert.ok(outcome.agentMs > 2000 && outcome.agentMs < 8000, `${outcome.agentMs} ms`)
  assert.ok(outcome.agentLoudness > 0.03, `loudness ${outcome.agentLoudness}`)
  assert.deepEqual(outcome.toolArguments, { city: 'Oslo' })
  assert.match(outcome.toolAnswer, /sunny and 21 degrees/)
  assert.equal(outcome.interruption, 'cancelled: turn_detected')
  assert.deepEqual(outcome.errors, [])
}

/** The client showed a ticket; the provider saw the key and nothing of the ticket. */
export function assertHidden(emulator: Emulator, { apiKey }: Place): void {
  const { headers, query, offered } = emulator.connections.at(-1) ?? assert.fail('No connection came through')
  assert.ok(!JSON.stringify([headers, [...query], offered]).includes(apiKey))
}
