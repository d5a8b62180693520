import { expect } from 'chai'
import { DeepgramFlux, type DeepgramFluxOptions } from '../../src/index.ts'
import { type Recorded, replayAll } from '../support/recordings.ts'

const query = (options: DeepgramFluxOptions) =>
  [...new URL(new DeepgramFlux(options).endpoint(null).url).searchParams]
    .map((field) => field.join('='))
    .sort()

describe('DeepgramFlux', () => {
  describe('recorded conversations', () => {
    let recorded: Recorded

    before(async () => {
      recorded = await replayAll('deepgram-flux', {
        emulator: () => new DeepgramFlux(),
        turns: () => new DeepgramFlux(),
        configure: () => new DeepgramFlux({ model: 'flux-general-multi' }),
        trouble: () => new DeepgramFlux(),
      })
    })

    it('decode() makes of each server message what is committed', () => {
      expect(recorded.coverage).to.deep.equal(recorded.expected)
      expect(recorded.coverage).to.include.keys(Object.keys(recorded.protocol.server))
    })

    it('encode() sends every client message', () => {
      expect([...recorded.sent]).to.have.members(Object.keys(recorded.protocol.client))
    })

    it('hold messages that are as the protocol has them', () => {
      expect(recorded.misfits).to.deep.equal([])
    })
  })

  describe('endpoint()', () => {
    it('asks for English by default', () => {
      expect(new DeepgramFlux().endpoint(null)).to.deep.equal({
        url: 'wss://api.deepgram.com/v2/listen?encoding=linear16&sample_rate=16000&model=flux-general-en',
        protocols: [],
      })
    })

    it('tells a key from a short-lived token by the scheme', () => {
      const provider = new DeepgramFlux()
      expect(provider.endpoint({ type: 'api-key', value: 'k' }).protocols).to.deep.equal(['token', 'k'])
      expect(provider.endpoint({ type: 'token', value: 'j.w.t' }).protocols).to.deep.equal([
        'bearer',
        'j.w.t',
      ])
    })

    it('has a field for every option, and repeats those with several values', () => {
      const all: Required<Omit<DeepgramFluxOptions, 'url' | 'region' | 'query'>> = {
        model: 'flux-general-multi',
        encoding: 'alaw',
        sampleRate: 8000,
        eotThreshold: 0.8,
        eagerEotThreshold: 0.5,
        eotTimeoutMs: 3000,
        keyterms: ['a', 'b c'],
        languageHints: ['en', 'es'],
        numerals: true,
        profanityFilter: true,
        redact: ['numbers', 'aggressive_numbers'],
        tags: ['t'],
        mipOptOut: true,
      }
      expect(query(all as DeepgramFluxOptions)).to.deep.equal([
        'eager_eot_threshold=0.5',
        'encoding=alaw',
        'eot_threshold=0.8',
        'eot_timeout_ms=3000',
        'keyterm=a',
        'keyterm=b c',
        'language_hint=en',
        'language_hint=es',
        'mip_opt_out=true',
        'model=flux-general-multi',
        'numerals=true',
        'profanity_filter=true',
        'redact=aggressive_numbers',
        'redact=numbers',
        'sample_rate=8000',
        'tag=t',
      ])
    })

    it('goes to the region, or to url', () => {
      expect(new DeepgramFlux({ region: 'au' }).endpoint(null).url).to.match(
        /^wss:\/\/api\.au\.deepgram\.com\/v2\/listen\?/,
      )
      const { url } = new DeepgramFlux({ url: 'wss://relay.test/?model=m', query: { x: 1 } }).endpoint(null)
      expect(url).to.equal('wss://relay.test/?model=m&encoding=linear16&sample_rate=16000&x=1')
    })
  })

  describe('constructor()', () => {
    for (const [options, message] of [
      [{ eotThreshold: 0.4 }, 'eotThreshold must be in 0.5…1: current value is 0.4'],
      [{ eotThreshold: 1.1 }, 'eotThreshold must be in 0.5…1: current value is 1.1'],
      [{ eagerEotThreshold: 0.2 }, 'eagerEotThreshold must be in 0.3…0.7: current value is 0.2'],
      [
        { eotThreshold: 0.6, eagerEotThreshold: 0.65 },
        'eagerEotThreshold must be in 0.3…0.6: current value is 0.65',
      ],
      [
        { eotThreshold: 1, eagerEotThreshold: 0.95 },
        'eagerEotThreshold must be in 0.3…0.9: current value is 0.95',
      ],
      [{ eotTimeoutMs: 499 }, 'eotTimeoutMs must be in 500…60000: current value is 499'],
      [{ eotTimeoutMs: 60_001 }, 'eotTimeoutMs must be in 500…60000: current value is 60001'],
      [{ sampleRate: 96_000 }, 'sampleRate must be in 8000…48000: current value is 96000'],
      [
        { languageHints: ['en'] },
        'model must be flux-general-multi for languageHints: current value is flux-general-en',
      ],
    ] as const) {
      it(`refuses ${JSON.stringify(options)}`, () => {
        expect(() => new DeepgramFlux(options as unknown as DeepgramFluxOptions)).to.throw(
          RangeError,
          `Cannot listen as ${message}`,
        )
      })
    }

    it('takes the ends of the ranges', () => {
      const lowest = { eotThreshold: 0.5, eagerEotThreshold: 0.3, eotTimeoutMs: 500 }
      const highest = { eotThreshold: 1, eagerEotThreshold: 0.9, eotTimeoutMs: 60_000 }
      for (const options of [lowest, highest]) expect(() => new DeepgramFlux(options)).not.to.throw()
    })

    it('asks for the chunks that Deepgram recommends', () => {
      expect(new DeepgramFlux().chunkMs).to.equal(80)
    })
  })

  describe('keepAlive', () => {
    for (const [encoding, bytes, silence] of [
      ['pcm16', 16_000, 0],
      ['mulaw', 8000, 0xff],
      ['alaw', 8000, 0xd5],
    ] as const) {
      it(`is a second of silence in ${encoding}, every second`, () => {
        const { intervalMs, data } = new DeepgramFlux({ encoding, sampleRate: 8000 }).keepAlive
        expect(intervalMs).to.equal(1000)
        expect(data.byteLength).to.equal(bytes)
        expect(data.every((byte) => byte === silence)).to.equal(true)
      })
    }
  })

  describe('encodeAudio()', () => {
    it('sends the bytes of the samples, and of G.711 as they are', () => {
      const samples = new Int16Array([9, 1, -2, 9]).subarray(1, 3)
      expect(new DeepgramFlux().encodeAudio(samples)).to.deep.equal(new Uint8Array([1, 0, 254, 255]))
      const codes = new Uint8Array([9, 1, 2, 9]).subarray(1, 3)
      const provider = new DeepgramFlux({ encoding: 'mulaw' })
      expect(provider.encodeAudio(codes)).to.deep.equal(new Uint8Array([1, 2]))
    })

    it('never sends a message without bytes, which would end the stream', () => {
      const provider = new DeepgramFlux()
      expect(provider.encodeAudio(new Int16Array())).to.equal(provider.keepAlive.data)
    })
  })
})
