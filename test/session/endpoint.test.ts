import { expect } from 'chai'
import {
  DeepgramAgent,
  OpenAIRealtime,
  type Provider,
  type SessionAuth,
  VoiceError,
} from '../../src/index.ts'
import { EndpointResolver } from '../../src/session/endpoint.ts'

const provider = new OpenAIRealtime({ model: 'm' })
const { signal } = new AbortController()
const resolve = (auth: SessionAuth, by: Provider = provider) => new EndpointResolver(auth, by).resolve(signal)

describe('EndpointResolver', () => {
  it('dials the provider with a key or a token', async () => {
    const url = 'wss://api.openai.com/v1/realtime?model=m'
    const protocols = ['realtime', 'openai-insecure-api-key.k']
    expect(await resolve({ apiKey: 'k' })).to.deep.equal({ url, protocols })
    expect(await resolve({ getToken: async () => 'k' })).to.deep.equal({ url, protocols })
  })

  for (const [proxyEndpoint, url] of [
    ['wss://relay.test', 'wss://relay.test/v1/realtime?model=m'],
    ['https://relay.test/voice/', 'wss://relay.test/voice/v1/realtime?model=m'],
    ['http://relay.test:81/', 'ws://relay.test:81/v1/realtime?model=m'],
    ['wss://relay.test/realtime', 'wss://relay.test/realtime?model=m'],
    [
      'wss://relay.test/deepgram-proxy?service=agent',
      'wss://relay.test/deepgram-proxy?service=agent&model=m',
    ],
  ] as const) {
    it(`makes ${url} of the relay ${proxyEndpoint}`, async () => {
      expect((await resolve({ proxyEndpoint })).url).to.equal(url)
    })
  }

  it('takes a relay relative to the page', async () => {
    const { url } = await resolve({ proxyEndpoint: '/relay/' })
    expect(url).to.equal(`${location.origin.replace('http', 'ws')}/relay/v1/realtime?model=m`)
  })

  it('shows a ticket in the provider’s own style, or as a query where that is asked for', async () => {
    const proxyEndpoint = 'wss://relay.test/v1/agent/converse'
    const agent = new DeepgramAgent()
    const ticket = { proxyEndpoint, proxyAuthToken: 't' }
    expect(await resolve(ticket, agent)).to.deep.equal({
      url: proxyEndpoint,
      protocols: ['bearer', 't'],
    })
    expect(await resolve({ ...ticket, tokenTransport: 'query' }, agent)).to.deep.equal({
      url: `${proxyEndpoint}?token=t`,
      protocols: [],
    })
  })

  it('diagnose() gives no reason for a direct connection, or where nobody answers', async () => {
    const direct = new EndpointResolver({ apiKey: 'k' }, provider)
    await direct.resolve(signal)
    expect(await direct.diagnose()).to.equal(null)
    const absent = new EndpointResolver({ proxyEndpoint: 'ws://127.0.0.1:9/' }, provider)
    await absent.resolve(signal)
    expect(await absent.diagnose()).to.equal(null)
  })

  describe('diagnose() of a relay that says the ticket was used', () => {
    const { fetch } = globalThis
    const used = {
      error: { type: 'relay_error', code: 'ticket_used', message: 'The ticket was used before' },
    }
    before(() => {
      globalThis.fetch = async () => Response.json(used, { status: 401 })
    })
    after(() => {
      globalThis.fetch = fetch
    })

    it('gives no reason where that dial has used it, as only the answer to it was lost', async () => {
      let made = 0
      const getToken = async () => `t${++made}`
      const resolver = new EndpointResolver({ proxyEndpoint: 'wss://relay.test/', getToken }, provider)
      for (let dial = 0; dial < 2; dial++) {
        await resolver.resolve(signal)
        expect(await resolver.diagnose()).to.equal(null)
      }
    })

    it('passes it on where the same ticket was dialled before', async () => {
      const auth = { proxyEndpoint: 'wss://relay.test/', proxyAuthToken: 't' }
      const resolver = new EndpointResolver(auth, provider)
      await resolver.resolve(signal)
      await resolver.resolve(signal)
      expect(await resolver.diagnose()).to.include({
        code: 'unauthorized',
        message: 'The relay refused the connection: The ticket was used before',
      })
    })
  })

  it('refuses a token that cannot be a subprotocol, without showing it', async () => {
    const error = await resolve({ getToken: () => 'se cret==' }).catch((reason: unknown) => reason)
    if (!(error instanceof VoiceError)) throw new Error('Expected a VoiceError')
    expect(error.code).to.equal('unauthorized')
    expect(`${error.message} ${error.hint}`).not.to.contain('cret')
  })
})
