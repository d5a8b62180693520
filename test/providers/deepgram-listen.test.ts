import { expect } from 'chai'
import { DeepgramListen, type DeepgramListenOptions, VoiceError } from '../../src/index.ts'
import { parsed } from '../support/collect.ts'
import { type Recorded, replayAll } from '../support/recordings.ts'
import { create, stopAll } from '../support/scripted-session.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

const query = (options: DeepgramListenOptions) =>
  [...new URL(new DeepgramListen(options).endpoint(null).url).searchParams]
    .map((field) => field.join('='))
    .sort()

describe('DeepgramListen', () => {
  describe('recorded conversations', () => {
    let recorded: Recorded

    before(async () => {
      const listen = () => new DeepgramListen()
      const recordings = ['emulator', 'captions', 'utterance-end', 'push-to-talk', 'channels', 'trouble']
      recorded = await replayAll(
        'deepgram-listen',
        Object.fromEntries(recordings.map((name) => [name, listen])),
      )
    })

    it('decode() makes of each server message what is committed', () => {
      expect(recorded.coverage).to.deep.equal(recorded.expected)
      expect(recorded.coverage).to.include.keys(Object.keys(recorded.protocol.server))
    })

    it('encode() and keepAlive send every client message', () => {
      const { type } = parsed(new DeepgramListen().keepAlive.data) as { type: string }
      const { client } = recorded.protocol
      expect([...recorded.sent, type]).to.have.members(Object.keys(client))
    })

    it('hold messages that are as the protocol has them', () => {
      expect(recorded.misfits).to.deep.equal([])
    })
  })

  describe('endpoint()', () => {
    it('asks for captions by default', () => {
      expect(new DeepgramListen().endpoint(null)).to.deep.equal({
        url: 'wss://api.deepgram.com/v1/listen?encoding=linear16&sample_rate=16000&model=nova-3&interim_results=true&utterance_end_ms=1000&vad_events=true&smart_format=true',
        protocols: [],
      })
    })

    it('tells a key from a short-lived token by the scheme', () => {
      const provider = new DeepgramListen()
      expect(provider.endpoint({ type: 'api-key', value: 'k' }).protocols).to.deep.equal(['token', 'k'])
      expect(provider.endpoint({ type: 'token', value: 'j.w.t' }).protocols).to.deep.equal([
        'bearer',
        'j.w.t',
      ])
    })

    it('has a field for every option, and repeats those with several values', () => {
      const all: Required<Omit<DeepgramListenOptions, 'url' | 'region' | 'query'>> = {
        model: 'nova-2',
        version: 'v',
        language: 'de',
        encoding: 'mulaw',
        sampleRate: 8000,
        channels: 2,
        multichannel: true,
        interimResults: true,
        endpointing: 300,
        utteranceEndMs: 1500,
        vadEvents: false,
        punctuate: true,
        smartFormat: false,
        diarize: 'v1',
        dictation: true,
        fillerWords: true,
        numerals: true,
        profanityFilter: true,
        redact: ['pci', 'ssn'],
        replace: ['a:b'],
        search: ['s'],
        keyterms: ['Voice & Wire', 'b'],
        keywords: ['k:2'],
        detectEntities: true,
        extra: ['x:y'],
        tags: ['t'],
        mipOptOut: true,
        callback: 'https://a.test/',
        callbackMethod: 'PUT',
      }
      expect(query(all)).to.deep.equal([
        'callback=https://a.test/',
        'callback_method=PUT',
        'channels=2',
        'detect_entities=true',
        'diarize_model=v1',
        'dictation=true',
        'encoding=mulaw',
        'endpointing=300',
        'extra=x:y',
        'filler_words=true',
        'interim_results=true',
        'keyterm=Voice & Wire',
        'keyterm=b',
        'keywords=k:2',
        'language=de',
        'mip_opt_out=true',
        'model=nova-2',
        'multichannel=true',
        'numerals=true',
        'profanity_filter=true',
        'punctuate=true',
        'redact=pci',
        'redact=ssn',
        'replace=a:b',
        'sample_rate=8000',
        'search=s',
        'smart_format=false',
        'tag=t',
        'utterance_end_ms=1500',
        'vad_events=false',
        'version=v',
      ])
    })

    it('turns off what can be turned off', () => {
      const fields = query({ endpointing: false, utteranceEndMs: false, diarize: false })
      expect(fields).to.include('endpointing=false')
      expect(fields.join()).not.to.contain('utterance_end_ms').and.not.to.contain('diarize')
      expect(query({ diarize: true })).to.include('diarize_model=latest')
    })

    it('asks for no utteranceEndMs where there are no interim results', () => {
      expect(query({ interimResults: false }).join()).not.to.contain('utterance_end_ms')
    })

    it('lets query win over options, and the query of url over both', () => {
      const { url } = new DeepgramListen({
        url: 'wss://relay.test/listen?model=mine',
        query: { model: 'theirs', smart_format: false, new_field: ['a', 'b'] },
      }).endpoint(null)
      const { origin, pathname, searchParams } = new URL(url)
      expect([origin, pathname]).to.deep.equal(['wss://relay.test', '/listen'])
      expect(searchParams.getAll('model')).to.deep.equal(['mine'])
      expect(searchParams.getAll('smart_format')).to.deep.equal(['false'])
      expect(searchParams.getAll('new_field')).to.deep.equal(['a', 'b'])
    })

    it('goes to the region', () => {
      const { url } = new DeepgramListen({ region: 'eu' }).endpoint(null)
      expect(url).to.match(/^wss:\/\/api\.eu\.deepgram\.com\/v1\/listen\?/)
    })
  })

  describe('constructor()', () => {
    for (const [options, message] of [
      [{ utteranceEndMs: 999 }, 'utteranceEndMs must be at least 1000: current value is 999'],
      [{ utteranceEndMs: Number.NaN }, 'utteranceEndMs must be at least 1000: current value is NaN'],
      [{ endpointing: -1 }, 'endpointing must be at least 0: current value is -1'],
      [{ sampleRate: 4000 }, 'sampleRate must be in 8000…48000: current value is 4000'],
      [{ channels: 0 }, 'channels must be at least 1: current value is 0'],
      [
        { interimResults: false, utteranceEndMs: 1000 },
        'interimResults must be true for utteranceEndMs: current value is false',
      ],
    ] as const) {
      it(`refuses ${JSON.stringify(options)}`, () => {
        expect(() => new DeepgramListen(options)).to.throw(RangeError, `Cannot listen as ${message}`)
      })
    }

    it('refuses an encoding that it has not', () => {
      expect(() => new DeepgramListen({ encoding: 'opus' as 'pcm16' })).to.throw(
        TypeError,
        'Cannot listen as encoding must be one of pcm16, mulaw, alaw: current value is opus',
      )
    })

    it('says what the microphone must deliver, and that there is no voice', () => {
      const { inputFormat, outputFormat } = new DeepgramListen({ encoding: 'alaw', sampleRate: 8000 })
      expect(inputFormat).to.deep.equal({ encoding: 'alaw', sampleRate: 8000 })
      expect(outputFormat).to.equal(null)
    })
  })

  describe('encodeAudio()', () => {
    it('sends the bytes of the samples', () => {
      const samples = new Int16Array([9, 1, -2, 9]).subarray(1, 3)
      expect(new DeepgramListen().encodeAudio(samples)).to.deep.equal(new Uint8Array([1, 0, 254, 255]))
    })

    it('never sends a message without bytes, which would end the stream', () => {
      expect(new DeepgramListen().encodeAudio(new Int16Array())).to.equal('{"type":"KeepAlive"}')
    })
  })

  describe('in a session', () => {
    const open = async () => {
      const session = create({ provider: new DeepgramListen(), readyTimeoutMs: 5000 })
      const dialled = ScriptedSocket.next()
      const starting = session.start()
      const socket = (await dialled).accept()
      await starting
      return { session, socket }
    }

    afterEach(async () => {
      await stopAll()
      ScriptedSocket.reset()
    })

    it('is ready as soon as it is connected', async () => {
      const { session, socket } = await open()
      expect(session.state).to.equal('open')
      expect(socket.sent).to.deep.equal([])
    })

    it('ends where Deepgram cannot read the sound', async () => {
      const { session, socket } = await open()
      const failed = new Promise<VoiceError>((resolve) => session.on('error', resolve))
      socket.drop(1008, 'DATA-0000')
      const error = await failed
      expect(error).to.be.instanceOf(VoiceError)
      expect([error.closeCode, error.message]).to.deep.equal([1008, 'The connection ended (1008 DATA-0000)'])
    })

    for (const reason of ['NET-0000', 'NET-0001']) {
      it(`connects again after ${reason}`, async () => {
        const { session, socket } = await open()
        const dialled = ScriptedSocket.next()
        socket.drop(1011, reason)
        ;(await dialled).accept()
        expect(session.state).to.equal('open')
      })
    }
  })
})
