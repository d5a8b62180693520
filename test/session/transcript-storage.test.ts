import { expect } from 'chai'
import { type StoredTurn, webStorage } from '../../src/session/transcript-storage.ts'
import { rejection } from '../support/events.ts'

const KEY = 'voicewire-test'
const said = {
  id: '1.a',
  role: 'user',
  text: 'Hello',
  final: true,
  interrupted: false,
  startedAt: 42,
} as const
const called = { role: 'tool', callId: 'c1', name: 'weather', arguments: '{}', output: 'sunny' } as const
const TURNS: readonly StoredTurn[] = [said, called, { ...said, id: '1.b', role: 'assistant', text: '' }]

/** A storage that refuses with an error of that name. */
function refusing(name: string): Storage {
  const refuse = (): never => {
    throw new DOMException('No', name)
  }
  return { length: 0, key: refuse, getItem: refuse, setItem: refuse, removeItem: refuse, clear: refuse }
}

describe('webStorage()', () => {
  afterEach(() => {
    sessionStorage.removeItem(KEY)
    localStorage.removeItem(KEY)
  })

  it('load() gives what save() kept, for the next page of the tab', async () => {
    await webStorage(KEY).save(TURNS)
    expect(await webStorage(KEY).load()).to.deep.equal(TURNS)
    expect(await webStorage(`${KEY}-other`).load()).to.deep.equal([])
    expect(JSON.parse(sessionStorage.getItem(KEY)!)).to.deep.equal({ version: 1, turns: TURNS })
  })

  it('save() puts one conversation in the place of another, clear() nothing', async () => {
    const storage = webStorage(KEY, localStorage)
    await storage.save(TURNS)
    await storage.save([called])
    expect(await storage.load()).to.deep.equal([called])
    await storage.clear()
    expect(await storage.load()).to.deep.equal([])
    expect(localStorage.getItem(KEY)).to.equal(null)
  })

  const corrupt: [what: string, text: string][] = [
    ['half of a JSON text', '{"version":1,"tur'],
    ['another shape', '[]'],
    ['another version', JSON.stringify({ version: 2, turns: TURNS })],
    ['no turns', '{"version":1}'],
    ['turns that are no list', '{"version":1,"turns":{}}'],
    ['a turn that is null', '{"version":1,"turns":[null]}'],
    ['an unknown role', JSON.stringify({ version: 1, turns: [{ ...said, role: 'system' }] })],
    ['a role that every object knows', JSON.stringify({ version: 1, turns: [{ role: 'constructor' }] })],
    ['a text that is none', JSON.stringify({ version: 1, turns: [{ ...said, text: 5 }] })],
    ['a time that is none', JSON.stringify({ version: 1, turns: [{ ...said, startedAt: Number.NaN }] })],
    ['a call without output', JSON.stringify({ version: 1, turns: [{ ...called, output: undefined }] })],
  ]
  for (const [what, text] of corrupt) {
    it(`load() gives no conversation for ${what}`, async () => {
      sessionStorage.setItem(KEY, text)
      expect(await webStorage(KEY).load()).to.deep.equal([])
    })
  }

  it('save() is rejected where there is no room, and what was kept before stays', async () => {
    const storage = webStorage(KEY)
    await storage.save([called])
    const error = await rejection(Promise.resolve(storage.save([{ ...called, output: 'x'.repeat(2 ** 24) }])))
    expect(error)
      .to.be.instanceOf(Error)
      .with.property('message')
      .that.matches(/^Cannot save the conversation as storage must be usable: QuotaExceededError: /)
    expect((error as Error).cause).to.be.instanceOf(DOMException)
    expect(await storage.load()).to.deep.equal([called])
  })

  for (const verb of ['load', 'save', 'clear'] as const) {
    it(`${verb}() is rejected where the page may not store`, async () => {
      const error = await rejection(Promise.resolve(webStorage(KEY, refusing('SecurityError'))[verb]([])))
      expect(String(error)).to.equal(
        `Error: Cannot ${verb} the conversation as storage must be usable: SecurityError: No`,
      )
    })
  }

  it('does not ask for the storage before it is needed', async () => {
    const own = Object.getOwnPropertyDescriptor(window, 'sessionStorage')!
    const get = () => {
      throw new DOMException('No', 'SecurityError')
    }
    Object.defineProperty(window, 'sessionStorage', { configurable: true, get })
    try {
      const storage = webStorage(KEY)
      expect(String(await rejection(Promise.resolve(storage.load())))).to.match(/SecurityError/)
    } finally {
      Object.defineProperty(window, 'sessionStorage', own)
    }
  })
})
