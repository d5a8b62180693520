import { expect } from 'chai'
import { DeepgramAgent, OpenAIRealtime, type ProviderEvent } from '../../src/index.ts'
import { relayError } from '../../src/providers/relay-errors.ts'
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
  it('leaves a code that is named like a member of every object to the provider', () => {
    for (const code of ['constructor', 'toString', '__proto__']) {
      for (const event of meanings(code)) {
        expect(event.type === 'error' && event.error.code).to.equal('provider-error')
      }
    }
  })

  for (const [code, expected, retryable] of [
    ['upstream_lost', 'connection-lost', true],
    ['draining', 'connection-lost', true],
    ['upstream_rate_limited', 'rate-limited', true],
    ['upstream_unauthorized', 'unauthorized', false],
    ['session_limit', 'session-expired', false],
    ['inactivity_timeout', 'session-expired', false],
    ['message_too_big', 'protocol-error', false],
    ['policy_violation', 'protocol-error', false],
    ['too_fast', 'protocol-error', false],
    ['budget_spent', 'quota-exceeded', false],
    ['revoked', 'unauthorized', false],
    ['ticket_expired', 'unauthorized', false],
    ['origin_forbidden', 'forbidden', false],
    ['refresh_limit', 'forbidden', false],
    ['too_many_connections', 'rate-limited', true],
    ['at_capacity', 'connection-lost', true],
    ['internal_error', 'provider-error', false],
    ['function_unknown', 'protocol-error', false],
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

  it('goes on after a message that the policy dropped', () => {
    for (const event of meanings('message_forbidden')) {
      if (event.type !== 'error') throw new Error('Expected an error')
      expect([event.fatal, event.error.code]).to.deep.equal([false, 'configuration-rejected'])
    }
  })

  it('knows nothing of what every object has', () => {
    expect(relayError('constructor', '')).to.equal(null)
  })
})
