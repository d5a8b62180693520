import { expect } from 'chai'
import type { SessionAuth } from '../../src/index.ts'
import { assertAuth } from '../../src/session/auth.ts'

describe('assertAuth', () => {
  const wrong = [{}, { apiKey: 'k', getToken: () => 't' }, { apiKey: 'k', proxyEndpoint: '/' }]
  for (const auth of wrong) {
    it(`refuses ${Object.keys(auth).join(' with ') || 'no way at all'}`, () => {
      expect(() => assertAuth(auth as SessionAuth)).to.throw(TypeError, 'exactly one of')
    })
  }

  it('refuses two sources of tickets', () => {
    const auth: SessionAuth = { proxyEndpoint: '/', getToken: () => 't', proxyAuthToken: 't' }
    expect(() => assertAuth(auth)).to.throw(TypeError, 'both were given')
  })
})
