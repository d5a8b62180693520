import { expect } from 'chai'
import type { VoiceAgent, VoiceDebug } from '../../elements/index.ts'
import '../../elements/index.ts'
import '../../elements/voice-debug.ts'
import { redact, toRedactedJSON } from '../../elements/internal/redact.ts'
import { until } from '../support/events.ts'
import type { ScriptedSocket } from '../support/scripted-socket.ts'
import {
  answer,
  audit,
  deep,
  deepAll,
  inBothSchemes,
  mount,
  mountAgent,
  next,
  open,
  question,
  scriptedSession,
  settled,
  words,
} from './fixture.ts'

/** Hexadecimal digits, two for each byte: secrets are made by the test that needs them. */
function drawn(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
}

const SECRETS = {
  apiKey: 'sk-proj-4f9a1bQ7',
  token: `ek_${drawn(16)}`,
  jwt: `${['{"alg":"HS256"}', '{"sub":"user"}'].map((part) => btoa(part).replaceAll('=', '')).join('.')}.${drawn(32)}`,
  ticket: 'q3VzZXItNDIubm9uY2UtOTk4ODc3NjY1NTQ0MzMyMjExMDA',
  query: 'user=ann&signature=abc',
  session: '3f2b8c1e-5d7a-4e9f-8b6c-0a1d2e3f4b5c',
  instructions: 'You are the guide; the vault code is swordfish',
}
const SAID = ['Where is the vault?', 'I may not tell.', 'Room nine']

async function mountDebug(attributes = 'open'): Promise<{ agent: VoiceAgent; debug: VoiceDebug }> {
  const agent = await mountAgent('', `<voice-debug ${attributes}></voice-debug>`)
  return { agent, debug: agent.querySelector('voice-debug')! }
}

/** Lets the overlay write to a clipboard of the test. */
function watchClipboard(refuse = false): { written: string[]; restore: () => void } {
  const written: string[] = []
  const { clipboard } = navigator
  Object.defineProperty(navigator, 'clipboard', {
    configurable: true,
    value: {
      writeText: async (text: string) => {
        if (refuse) throw new DOMException('No', 'NotAllowedError')
        written.push(text)
      },
    },
  })
  return {
    written,
    restore: () => Object.defineProperty(navigator, 'clipboard', { configurable: true, value: clipboard }),
  }
}

async function copied(debug: VoiceDebug, { withText = false } = {}): Promise<string> {
  const { written, restore } = watchClipboard()
  try {
    const box = deep<HTMLInputElement>(debug, 'input')
    if (box.checked !== withText) box.click()
    deep(debug, '[part=copy-button]').click()
    await until(() => written.length > 0)
    return written[0]!
  } finally {
    restore()
  }
}

/** Each figure with its name. */
function figures(debug: VoiceDebug): string[] {
  return deepAll(debug, '[part=facts] th').map((term) => `${words(term)} ${words(term.nextElementSibling!)}`)
}

/** Says and fails with everything that must not leave the page. */
async function talk(agent: VoiceAgent): Promise<ScriptedSocket> {
  agent.instructions = SECRETS.instructions
  agent.getToken = () => SECRETS.token
  agent.tools = [{ name: 'find_room', description: 'Finds', handler: () => SAID[2] }]
  const socket = await open(agent)
  question(socket, 'u1', SAID[0]!)
  answer(socket, 'a1', SAID[1]!)
  const over = new Promise<void>((resolve) =>
    agent.addEventListener('toolcall', ({ detail }) => detail.status === 'done' && resolve()),
  )
  socket.say({ type: 'response.created', response: { id: 'r1' } })
  socket.say({
    type: 'response.output_item.done',
    response_id: 'r1',
    item: {
      id: 'f1',
      type: 'function_call',
      status: 'completed',
      call_id: 'call_1',
      name: 'find_room',
      arguments: JSON.stringify({ asked: SAID[0] }),
    },
  })
  await over
  for (const message of [
    `Invalid value in instructions: "${SECRETS.instructions}"`,
    `No access with ${SECRETS.jwt} to wss://ann:pw@relay.test/v1/realtime?${SECRETS.query}#x`,
    `ticket=${SECRETS.ticket} at /relay/?${SECRETS.query}, Bearer ${SECRETS.ticket}, key ${SECRETS.apiKey}`,
    `Session ${SECRETS.session} is over, says openai-insecure-api-key.${SECRETS.token}`,
  ]) {
    const warned = Promise.race([next(agent, 'warning'), next(agent, 'error')])
    socket.say({ type: 'error', error: { type: 'server_error', code: 'odd', message } })
    await warned
  }
  await settled(agent)
  return socket
}

describe('<voice-debug>', () => {
  it('passes an audit, closed and open, light and dark, in a conversation', () =>
    inBothSchemes(async () => {
      const { agent, debug } = await mountDebug('')
      await audit(agent)
      await talk(agent)
      debug.open = true
      await settled(debug)
      deep(debug, '[part=messages] summary').click()
      deepAll(debug, '[part=event] summary')[0]!.click()
      await until(() => deepAll(debug, 'pre').length > 0)
      await audit(agent)
      await agent.stop()
    }))

  it('is opened and closed by its button, which says so', async () => {
    const { debug } = await mountDebug('')
    const button = deep<HTMLButtonElement>(debug, '[part=toggle-button]')
    expect(button.ariaExpanded).to.equal('false')
    expect(deepAll(debug, '[part=copy-button]')).to.deep.equal([])
    button.click()
    await settled(debug)
    expect(button.ariaExpanded).to.equal('true')
    expect(debug.hasAttribute('open')).to.equal(true)
    button.click()
    await settled(debug)
    expect(deepAll(debug, '[part=copy-button]')).to.deep.equal([])
  })

  it('stands over the page, in the corner where the text begins', async () => {
    const { debug } = await mountDebug()
    const root = deep(debug, '.root')
    expect(root.matches(':popover-open')).to.equal(true)
    expect(root.getBoundingClientRect().left).to.be.within(0, 20)
    const parent = debug.parentElement!
    parent.dir = 'rtl'
    expect(innerWidth - root.getBoundingClientRect().right).to.be.within(0, 20)
    // It is over the page again when it was moved.
    document.body.append(debug)
    await settled(debug)
    await until(() => root.matches(':popover-open'))
  })

  it('shows state, figures, turns, messages and events', async () => {
    const { agent, debug } = await mountDebug()
    await talk(agent)
    await until(() => words(deep(debug, '[part=events]')).includes('toolcall'))
    const facts = figures(debug)
    for (const fact of [
      'state open',
      'provider openai',
      'connect tokenMs',
      'microphone none',
      'underruns 0',
    ]) {
      expect(facts.join()).to.include(fact)
    }
    expect(facts.join()).not.to.match(/undefined|NaN|null|\[object/)
    expect(words(deep(debug, '[part=messages] summary'))).to.match(/^[1-9]\d* messages$/)
    expect(deep(debug, '[part=messages]').textContent).to.include('1 × out session.update, ')
    const events = words(deep(debug, '[part=events]'))
    for (const event of ['statechange connecting', 'statechange open', 'toolcall', 'transcript']) {
      expect(events).to.include(event)
    }
  })

  it('keeps its buttons where they are while it has more and more to show', async () => {
    const { agent, debug } = await mountDebug()
    const places = (): unknown =>
      deepAll(debug, 'button, input').map((control) => control.getBoundingClientRect().toJSON())
    const before = places()
    await talk(agent)
    await until(() => words(deep(debug, '[part=events]')).includes('toolcall'))
    expect(places()).to.deep.equal(before)
  })

  it('unfolds an event, and keeps it unfolded while others come', async () => {
    const { agent, debug } = await mountDebug()
    const socket = await talk(agent)
    await until(() => words(deep(debug, '[part=events]')).includes('toolcall'))
    const event = deepAll(debug, '[part=event]').find((item) => words(item).includes('toolcall'))!
    event.querySelector('summary')!.click()
    await until(() => event.querySelector('pre') !== null)
    expect(event.querySelector('pre')!.textContent).to.include('find_room')
    const { length } = deepAll(debug, '[part=event]')
    answer(socket, 'a2', 'More')
    await until(() => deepAll(debug, '[part=event]').length > length)
    expect(event.querySelector('pre')!.textContent).to.include('find_room')
  })

  it('keeps the events of a session that began while it was closed, and draws nothing then', async () => {
    const { agent, debug } = await mountDebug('')
    let drawn = 0
    const observer = new MutationObserver(() => drawn++)
    observer.observe(debug.renderRoot, {
      subtree: true,
      childList: true,
      attributes: true,
      characterData: true,
    })
    await talk(agent)
    await settled(agent)
    expect(observer.takeRecords().length + drawn).to.equal(0)
    debug.open = true
    await settled(debug)
    expect(words(deep(debug, '[part=events]'))).to.include('statechange connecting')
    observer.disconnect()
  })

  it('draws no more than four times a second, however much is told', async () => {
    const { agent, debug } = await mountDebug()
    const socket = await open(agent)
    const { updated } = debug as unknown as { updated: () => void }
    const drawnAt: number[] = []
    Object.assign(debug, {
      updated() {
        drawnAt.push(performance.now())
        updated.call(debug)
      },
    })
    for (let i = 0; drawnAt.length < 4; i++) {
      answer(socket, `a${i}`, 'More')
      await new Promise(requestAnimationFrame)
    }
    const gaps = drawnAt.slice(1).map((at, index) => at - drawnAt[index]!)
    // A timer may be a millisecond early by this clock.
    expect(Math.min(...gaps)).to.be.greaterThan(245)
  })

  it('leaves nothing behind when it is removed', async () => {
    const { agent, debug } = await mountDebug()
    await open(agent)
    debug.remove()
    let bound = 0
    agent.session!.on = () => {
      bound++
      return () => bound--
    }
    agent.append(debug)
    expect(bound).to.be.greaterThan(10)
    debug.remove()
    expect(bound).to.equal(0)
  })

  it('shows a session that was given to it', async () => {
    const session = scriptedSession()
    const debug = await mount<VoiceDebug>('<voice-debug open></voice-debug>')
    debug.session = session
    await open(session)
    await until(() => figures(debug).includes('state open'))
    await session.stop()
  })
})

describe('<voice-debug> diagnostics', () => {
  it('hold no secret and nothing that was said', async () => {
    const { agent, debug } = await mountDebug()
    await talk(agent)
    agent.apiKey = SECRETS.apiKey
    const text = await copied(debug)
    for (const secret of Object.values(SECRETS)) expect(text).not.to.include(secret)
    for (const part of SECRETS.jwt.split('.')) expect(text).not.to.include(part)
    for (const said of SAID) expect(text).not.to.include(said)
    expect(text).not.to.include('swordfish').and.not.include('ann').and.not.include('pw@')
    const { state, provider, events, messages, page } = JSON.parse(text)
    expect({ state, provider }).to.deep.equal({ state: 'open', provider: agent.session?.provider.name })
    expect(page).to.equal(location.origin + location.pathname)
    expect(messages['out session.update'].count).to.equal(1)
    const names = events.map(({ event }: { event: string }) => event)
    expect(names).to.include.members(['statechange', 'transcript', 'toolcall'])
    // What remains of a message is still of use.
    expect(text).to.include('wss://relay.test/v1/realtime').and.include('No access with [removed]')
  })

  it('hold the beginning and the end of what grows word by word', async () => {
    const { agent, debug } = await mountDebug()
    const socket = await open(agent)
    socket.say({ type: 'conversation.item.added', item: { id: 'a1', type: 'message', role: 'assistant' } })
    for (const delta of ['One ', 'two ', 'three']) {
      socket.say({ type: 'response.output_audio_transcript.delta', item_id: 'a1', delta })
    }
    answer(socket, 'a1', 'One two three')
    answer(socket, 'a2', 'Four')
    const { events } = JSON.parse(await copied(debug, { withText: true }))
    const transcripts = events.filter(({ event }: { event: string }) => event === 'transcript')
    expect(
      transcripts.map(({ text, final }: { text: string; final: boolean }) => [text, final]),
    ).to.deep.equal([
      ['', false],
      ['One two three', true],
      ['', false],
      ['Four', true],
    ])
  })

  it('hold what was said where the reader asks for it, and still no secret', async () => {
    const { agent, debug } = await mountDebug()
    await talk(agent)
    const text = await copied(debug, { withText: true })
    for (const said of SAID) expect(text).to.include(said)
    for (const secret of Object.values(SECRETS)) expect(text).not.to.include(secret)
    expect(await copied(debug)).not.to.include(SAID[0])
  })

  it('are announced as copied, or that they cannot be', async () => {
    const { debug } = await mountDebug()
    for (const refuse of [false, true]) {
      const { restore } = watchClipboard(refuse)
      deep(debug, '[part=copy-button]').click()
      await until(() => /^(Copied|The page)/.test(words(deep(debug, '[role=status]'))) === true)
      await until(() => words(deep(debug, '[role=status]')).startsWith(refuse ? 'The page' : 'Copied'))
      restore()
    }
  })

  it('are downloaded as a file', async () => {
    const { debug } = await mountDebug()
    const clicked = Promise.withResolvers<HTMLAnchorElement>()
    const { click } = HTMLAnchorElement.prototype
    HTMLAnchorElement.prototype.click = function () {
      clicked.resolve(this)
    }
    const blobs: Blob[] = []
    const { createObjectURL } = URL
    URL.createObjectURL = (blob) => {
      blobs.push(blob as Blob)
      return createObjectURL(blob)
    }
    try {
      deep(debug, '[part=download-button]').click()
      expect((await clicked.promise).download).to.equal('voicewire-diagnostics.json')
      expect(JSON.parse(await blobs[0]!.text()).state).to.equal('closed')
    } finally {
      HTMLAnchorElement.prototype.click = click
      URL.createObjectURL = createObjectURL
    }
  })
})

describe('redact()', () => {
  for (const [text, expected] of [
    ['Allow the microphone, then press “Try again”', undefined],
    ['echo-cancellation-unlikely in gpt-4o-mini-transcribe-2025-12-15', undefined],
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/156.0.0.0', undefined],
    ['2026-11-21T15:20:52.000Z, 12345 ms', undefined],
    ['https://a.test/b?c=d', 'https://a.test/b'],
    ['see /relay/?x=1 now', 'see /relay/ now'],
    ['"apiKey": "abc", done', '"apiKey": "[removed]", done'],
    ['Authorization: abc', 'Authorization: [removed]'],
    ['sk-abc', '[removed]'],
  ] as const) {
    it(`makes of ${text} ${expected ?? 'the same'}`, () => {
      expect(redact(text)).to.equal(expected ?? text)
    })
  }

  it('shortens a long text without leaving part of a secret', () => {
    const text = `${'word '.repeat(399)}abcd1234efgh5678ijkl`
    expect(redact(text)).to.equal(`${'word '.repeat(399)}…`)
    expect(redact(`${'-'.repeat(100_000)}plum`, ['plum'])).to.equal('…')
  })

  it('takes out what is known', () => {
    expect(redact('my word is plum', ['plum', 'is'])).to.equal('my word is [removed]')
  })

  it('toRedactedJSON() takes out the text of fields that are named as secrets', () => {
    const value = { apiKey: 'plum', userToken: 'plum', inputTokens: 5, list: ['Bearer plum'] }
    expect(JSON.parse(toRedactedJSON(value))).to.deep.equal({
      apiKey: '[removed]',
      userToken: '[removed]',
      inputTokens: 5,
      list: ['Bearer [removed]'],
    })
  })
})
