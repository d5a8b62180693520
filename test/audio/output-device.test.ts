import { expect } from 'chai'
import { OutputDevice } from '../../src/audio/output-device.ts'
import { VoiceError } from '../../src/errors.ts'
import { itNeeds } from '../support/abilities.ts'

const contexts: AudioContext[] = []
const devices: OutputDevice[] = []

function setUp() {
  const context = new AudioContext()
  contexts.push(context)
  const codes: string[] = []
  const change = Promise.withResolvers<void>()
  const device = new OutputDevice(context, ({ code }) => codes.push(code), change.resolve)
  devices.push(device)
  return { context, device, codes, changed: change.promise }
}

/** The id of an output that is not the default one. */
async function otherDevice(): Promise<string> {
  // Names and ids are given once the microphone is.
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
  for (const track of stream.getTracks()) track.stop()
  const all = await navigator.mediaDevices.enumerateDevices()
  return (
    all.findLast(({ kind, deviceId }) => kind === 'audiooutput' && deviceId !== 'default')?.deviceId ?? ''
  )
}

async function rejection(promise: Promise<void>): Promise<VoiceError> {
  const reason: unknown = await promise.then(
    () => expect.fail('was expected to reject'),
    (error: unknown) => error,
  )
  expect(reason).to.be.instanceOf(VoiceError)
  return reason as VoiceError
}

describe('OutputDevice', () => {
  afterEach(async () => {
    for (const device of devices.splice(0)) device.close()
    for (const context of contexts.splice(0)) await context.close()
  })

  itNeeds('AudioContext.setSinkId')(
    'set() plays through another device, and back through the system’s choice',
    async () => {
      const { context, device, changed } = setUp()
      const id = await otherDevice()
      expect(id).to.match(/./)
      await device.set(id)
      await changed
      expect([device.id, (context as AudioContext & { sinkId: string }).sinkId]).to.deep.equal([id, id])
      await device.set('')
      expect(device.id).to.equal('')
    },
  )

  itNeeds('AudioContext.setSinkId')(
    'set() rejects with output-device-not-found and stays where it was',
    async () => {
      const { device } = setUp()
      const error = await rejection(device.set('none'))
      expect([error.code, error.phase, device.id]).to.deep.equal(['output-device-not-found', 'audio', ''])
    },
  )

  it('set() rejects with output-device-denied where the page may not', async () => {
    const { context, device } = setUp()
    Object.assign(context, { setSinkId: () => Promise.reject(new DOMException('No', 'NotAllowedError')) })
    expect((await rejection(device.set('any'))).code).to.equal('output-device-denied')
  })

  it('set() rejects with output-device-unsupported where the browser has no choice', async () => {
    const { context, device } = setUp()
    Object.defineProperty(context, 'setSinkId', { value: undefined })
    expect((await rejection(device.set('any'))).code).to.equal('output-device-unsupported')
    await device.set('')
  })

  itNeeds('AudioContext.setSinkId')(
    'falls back to the system’s choice when the device goes away',
    async () => {
      const { context, device, codes, changed } = setUp()
      await device.set(await otherDevice())
      await changed
      const back = new Promise((resolve) => context.addEventListener('sinkchange', resolve, { once: true }))
      context.dispatchEvent(new Event('error'))
      await back
      expect([device.id, codes]).to.deep.equal(['', ['output-device-replaced']])
    },
  )
})
