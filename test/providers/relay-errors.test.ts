import { expect } from 'chai'
import { DeepgramAgent, OpenAIRealtime, type ProviderEvent } from '../../src/index.ts'
import { decode } from '../support/collect.ts'

/** What a relay's error message means, in the shape of either provider. */
function meanings(code: string): ProviderEvent[] {
  const message = 'What the relay says'
  return [
    ...decode(new OpenAIRealtime(), {
      type: 'error',
      event_id: 'e',
      error: { type: 'server_error', code, message },
    }),
    ...decode(new DeepgramAgent(), { type: 'Error', code, description: message }),
  ]
}

describe('relayError()', () => {
  for (const [code, expected, retryable] of [
    ['upstream_lost', 'connection-lost', true],
    ['draining', 'connection-lost', true],
    ['upstream_rate_limited', 'rate-limited', true],
    ['upstream_unauthorized', 'unauthorized', false],
    ['budget_spent', 'quota-exceeded', false],
    ['revoked', 'forbidden', false],
    ['session_limit', 'session-expired', false],
    ['inactivity_timeout', 'session-expired', false],
    ['message_too_big', 'protocol-error', false],
  ] as const) {
    it(`is the same with both providers for ${code}`, () => {
      const events = meanings(code)
      expect(events).to.have.length(2)
      for (const event of events) {
        if (event.type !== 'error') throw new Error('Expected an error')
        const { code: known, retryable: again, message } = event.error
        expect([event.fatal, known, again, message]).to.deep.equal([
          true,
          expected,
          retryable,
          'What the relay says',
        ])
      }
    })
  }
})
