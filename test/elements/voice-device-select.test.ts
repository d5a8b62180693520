import { emulateMedia } from '@web/test-runner-commands'
import { expect } from 'chai'
import type { VoiceDeviceSelect } from '../../elements/index.ts'
import { itNeeds } from '../support/abilities.ts'
import '../../elements/index.ts'
import { VoiceError } from '../../src/index.ts'
import { until } from '../support/events.ts'
import { createScripted, startScripted, stopScripted } from '../support/scripted-provider.ts'
import { audit, deep, deepAll, inBothSchemes, mount, mountAgent, open, settled, words } from './fixture.ts'
import { countListeners } from './listeners.ts'
import { mountScripted } from './scripted-agent.ts'

const TAG = '<voice-device-select></voice-device-select>'
const select = (root: Element): HTMLSelectElement => deep(root, 'select')
const offered = (root: Element): string[] => [...select(root).options].map(({ label }) => label)
const { mediaDevices } = navigator

function device(kind: MediaDeviceKind, deviceId: string, label: string): MediaDeviceInfo {
  return { kind, deviceId, label, groupId: '', toJSON: () => ({}) }
}

const DEVICES = [
  device('audioinput', 'default', 'Default - Desk'),
  device('audioinput', 'desk', 'Desk (046d:0a38)'),
  device('audioinput', 'headset', 'Headset'),
  device('audiooutput', 'default', 'Default'),
  device('audiooutput', 'tv', 'Television'),
  device('videoinput', 'camera', 'Camera'),
]

/** Puts a list in the place of the machine's devices. */
function plugIn(devices: readonly MediaDeviceInfo[]): void {
  Object.assign(mediaDevices, { enumerateDevices: async () => devices })
}

/** Resolved when the element offers so many devices besides the system's own choice. */
async function listed(root: Element, count: number): Promise<void> {
  await settled(root)
  await until(() => select(root).options.length === count + 1)
}

function choose(root: Element, id: string): void {
  select(root).value = id
  select(root).dispatchEvent(new Event('change'))
}

beforeEach(() => plugIn(DEVICES))

afterEach(async () => {
  Reflect.deleteProperty(mediaDevices, 'enumerateDevices')
  await stopScripted()
})

describe('<voice-device-select>', () => {
  it('passes an audit without a session, with one, and where a device failed, light and dark', () =>
    inBothSchemes(async () => {
      const element = await mount<VoiceDeviceSelect>(TAG)
      await audit(element)
      const session = createScripted()
      session.setInputDevice = () => Promise.reject(new VoiceError('microphone-in-use', 'In use'))
      element.session = session
      await listed(element, 2)
      await audit(element)
      choose(element, 'desk')
      await until(() => deepAll(element, '[role=alert]').length > 0)
      await audit(element)
    }))

  itNeeds('AudioContext.setSinkId')(
    'has a name, the system’s own choice, and the devices of its kind',
    async () => {
      const agent = await mountAgent('', `${TAG}<voice-device-select kind="output"></voice-device-select>`)
      const [input, output] = agent.children as unknown as [HTMLElement, HTMLElement]
      await listed(input, 2)
      await listed(output, 1)
      expect(offered(input)).to.deep.equal(['System default', 'Desk', 'Headset'])
      expect(offered(output)).to.deep.equal(['System default', 'Television'])
      const name = (element: Element): string => words(deep(element, '[part=label]'))
      expect([name(input), name(output)]).to.deep.equal(['Microphone', 'Speaker'])
      expect(select(input).labels).to.have.length(1)
      expect([select(input).value, select(input).disabled]).to.deep.equal(['', false])
    },
  )

  it('lists nothing while the browser keeps the names, and what there is when a session is open', async () => {
    plugIn(DEVICES.map(({ kind, deviceId }) => device(kind, deviceId, '')))
    const agent = await mountAgent('', TAG)
    await settled(agent)
    expect(offered(agent)).to.deep.equal(['System default'])
    expect(select(agent).disabled).to.equal(true)
    plugIn(DEVICES)
    await open(agent)
    await listed(agent, 2)
    expect(select(agent).disabled).to.equal(false)
  })

  it('keeps up with devices that come and go', async () => {
    const agent = await mountAgent('', TAG)
    await listed(agent, 2)
    plugIn(DEVICES.slice(0, 2))
    mediaDevices.dispatchEvent(new Event('devicechange'))
    await listed(agent, 1)
    expect(offered(agent)).to.deep.equal(['System default', 'Desk'])
  })

  itNeeds('AudioContext.setSinkId')('remembers a choice for the sessions that follow', async () => {
    const agent = await mountScripted(`${TAG}<voice-device-select kind="output"></voice-device-select>`)
    const [input, output] = agent.children as unknown as [HTMLElement, HTMLElement]
    await listed(input, 2)
    await listed(output, 1)
    choose(input, 'headset')
    choose(output, 'tv')
    await settled(agent)
    expect([select(input).value, select(output).value]).to.deep.equal(['headset', 'tv'])
    const chosen: unknown[] = []
    const session = createScripted()
    session.setInputDevice = async (id) => void chosen.push(id)
    session.setOutputDevice = async (id) => void chosen.push(id)
    agent.session = session
    expect(chosen).to.deep.equal(['headset', 'tv'])
    await settled(agent)
    expect([select(input).value, select(output).value]).to.deep.equal(['headset', 'tv'])
    choose(input, '')
    await settled(agent)
    expect(chosen).to.deep.equal(['headset', 'tv', null])
    expect(select(input).value).to.equal('')
  })

  it('shows the device before and says why, where another one cannot be had, until the next choice', async () => {
    const element = await mount<VoiceDeviceSelect>(TAG)
    const session = createScripted()
    const failure = new VoiceError('microphone-in-use', 'Cannot start the device')
    session.setInputDevice = (id) => (id === 'desk' ? Promise.reject(failure) : Promise.resolve())
    element.session = session
    await listed(element, 2)
    choose(element, 'headset')
    choose(element, 'desk')
    await until(() => deepAll(element, '[role=alert]').length > 0)
    await settled(element)
    expect(words(deep(element, '[role=alert]'))).to.equal(
      `Another program uses the microphone. ${failure.hint}`,
    )
    expect(select(element).value).to.equal('headset')
    choose(element, '')
    await settled(element)
    expect(deepAll(element, '[role=alert]')).to.deep.equal([])
  })

  it('changes the microphone of a session that is open, and shows the one in use', async () => {
    Reflect.deleteProperty(mediaDevices, 'enumerateDevices')
    const element = await mount<VoiceDeviceSelect>(TAG)
    const { session } = await startScripted({ input: 'microphone' })
    element.session = session
    await settled(element)
    await until(() => select(element).options.length > 2)
    const wanted = [...select(element).options].at(-1)?.value ?? ''
    choose(element, wanted)
    await until(() => session.stats.microphone?.deviceId === wanted)
    await until(() => select(element).ariaBusy === 'false')
    expect(select(element).value).to.equal(wanted)
    await session.setInputDevice([...select(element).options].at(-2)?.value ?? '')
    await until(() => select(element).value !== wanted)
    expect(select(element).value).to.equal(session.stats.microphone?.deviceId)
  })

  it('shows nothing where the browser lets no page choose the output', async () => {
    const { prototype } = AudioContext
    const original = Object.getOwnPropertyDescriptor(prototype, 'setSinkId')
    Reflect.deleteProperty(prototype, 'setSinkId')
    try {
      const element = await mount<VoiceDeviceSelect>(
        '<voice-device-select kind="output"></voice-device-select>',
      )
      expect([element.offsetHeight, element.matches(':state(unsupported)')]).to.deep.equal([0, true])
      element.kind = 'input'
      await settled(element)
      expect(element.matches(':state(unsupported)')).to.equal(false)
      expect(element.offsetHeight).to.be.greaterThan(0)
    } finally {
      if (original) Object.defineProperty(prototype, 'setSinkId', original)
    }
  })

  it('listens while it is in the page, and afterwards to nothing', async () => {
    const permission = await navigator.permissions.query({ name: 'microphone' })
    const { permissions } = navigator
    Object.assign(permissions, { query: async () => permission })
    using listeners = countListeners(document, mediaDevices, permission)
    const element = await mount<VoiceDeviceSelect>(TAG)
    await until(() => listeners.count() === 3)
    const box = document.createElement('div')
    document.body.append(box)
    box.append(element)
    await listed(element, 2)
    await until(() => listeners.count() === 3)
    element.remove()
    expect(listeners.count()).to.equal(0)
    Reflect.deleteProperty(permissions, 'query')
  })

  itNeeds('emulated media features, for which its driver has no command')(
    'has its arrow at the end of the line in either direction, also in forced colours',
    async () => {
      const agent = await mountAgent('dir="rtl"', TAG)
      const arrow = deepAll(agent, 'svg')[0]?.getBoundingClientRect()
      const box = select(agent).getBoundingClientRect()
      expect(arrow?.x).to.be.lessThan(box.x + box.width / 2)
      await emulateMedia({ forcedColors: 'active' })
      expect(getComputedStyle(select(agent)).borderTopWidth).to.equal('1px')
      await emulateMedia({ forcedColors: 'none' })
    },
  )
})
