import { expect } from 'chai'
import { ContextRequestEvent, sessionContext } from '../../elements/index.ts'
import type { VoiceSession } from '../../src/index.ts'
import { mountAgent, open, scriptedSession } from './fixture.ts'

type Value = VoiceSession | null

describe('sessionContext', () => {
  it('gives any element inside an agent its session, and each one that follows', async () => {
    const agent = await mountAgent('', '<div><span></span></div>')
    const received: Value[] = []
    let unsubscribe: (() => void) | undefined
    const request = new ContextRequestEvent<Value>(
      sessionContext,
      (session, stop) => {
        received.push(session)
        unsubscribe = stop
      },
      true,
    )
    agent.querySelector('span')?.dispatchEvent(request)
    expect(received).to.deep.equal([null])
    await open(agent)
    expect(received).to.have.length(2)
    expect(received[1]).to.equal(agent.session)
    const other = scriptedSession()
    agent.session = other
    expect(received[2]).to.equal(other)
    unsubscribe?.()
    agent.session = null
    expect(received).to.have.length(3)
  })

  it('answers once where nobody subscribes, and the nearest agent alone', async () => {
    const outer = await mountAgent('', '<voice-agent><span></span></voice-agent>')
    const inner = outer.querySelector('voice-agent')
    const session = scriptedSession()
    if (inner) inner.session = session
    const received: Value[] = []
    const span = outer.querySelector('span')
    span?.dispatchEvent(new ContextRequestEvent<Value>(sessionContext, (value) => received.push(value)))
    if (inner) inner.session = null
    expect(received).to.deep.equal([session])
  })

  it('works with the bare protocol and the key’s name', async () => {
    const agent = await mountAgent('', '<span></span>')
    await open(agent)
    let received: unknown
    const event = Object.assign(new Event('context-request', { bubbles: true, composed: true }), {
      context: Symbol.for('voicewire.session'),
      callback: (value: unknown) => {
        received = value
      },
    })
    agent.querySelector('span')?.dispatchEvent(event)
    expect(received).to.equal(agent.session)
  })

  it('leaves other contexts alone', async () => {
    const agent = await mountAgent('', '<span></span>')
    let passed = false
    document.body.addEventListener('context-request', () => (passed = true), { once: true })
    const request = new ContextRequestEvent(Symbol('other'), () => expect.fail('answered'))
    agent.querySelector('span')?.dispatchEvent(request)
    expect(passed).to.equal(true)
  })
})
