import { expect } from 'chai'
import { type VoiceAgent, type VoiceTool, VoiceToolCallEvent } from '../../elements/index.ts'
import '../../elements/index.ts'
import { defineTool, type ToolCallEvent, type VoiceWarning } from '../../src/index.ts'
import { until } from '../support/events.ts'
import { ready, ScriptedProvider } from '../support/scripted-provider.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'
import { audit, deepAll, inBothSchemes, mountAgent, next, settled } from './fixture.ts'

const COLOR = `<voice-tool name="set_color" description="Changes the colour">
  <script type="application/json">{ "type": "object", "properties": { "color": { "type": "string" } } }</script>
</voice-tool>`
const DECLARED = {
  name: 'set_color',
  description: 'Changes the colour',
  parameters: { type: 'object', properties: { color: { type: 'string' } } },
}

interface Told {
  readonly type: string
  readonly id: number
  readonly tools: readonly { name: string }[]
  readonly config: { tools: readonly { name: string }[] }
  readonly output: string
}

const told = (socket: ScriptedSocket, type: string): Told[] =>
  (socket.texts as unknown as Told[]).filter((message) => message.type === type)
const names = (tools: readonly { name: string }[] | undefined): string[] =>
  (tools ?? []).map(({ name }) => name)
const call = (socket: ScriptedSocket, name: string, input: object = {}, callId = 'c1'): ScriptedSocket =>
  socket.say({ type: 'tool-call', callId, name, arguments: JSON.stringify(input) })

/** An agent whose provider takes any tool, and is the test. */
async function mountTools(children: string, provider = new ScriptedProvider()): Promise<VoiceAgent> {
  const agent = await mountAgent('', children)
  agent.provider = provider
  return agent
}

async function open(agent: VoiceAgent): Promise<ScriptedSocket> {
  const dialled = ScriptedSocket.next()
  const started = agent.start()
  const socket = ready(await dialled)
  await started
  return socket
}

/** @returns The next answer to a call, as the model is told. */
async function answered(socket: ScriptedSocket, count = 1): Promise<string | undefined> {
  await until(() => told(socket, 'tool-result').length === count)
  return told(socket, 'tool-result').at(-1)?.output
}

/** Waits for the update that the session sends, and takes it over. */
async function updated(socket: ScriptedSocket, count = 1): Promise<string[]> {
  await until(() => told(socket, 'update').length === count)
  const { id, config } = told(socket, 'update').at(-1)!
  socket.say({ type: 'updated', id })
  return names(config.tools)
}

function tool(agent: VoiceAgent): VoiceTool {
  return agent.querySelector('voice-tool')!
}

describe('<voice-tool> in the page', () => {
  it('shows nothing and leaves the default controls, which pass an audit, light and dark', () =>
    inBothSchemes(async () => {
      const agent = await mountAgent('', `\n<!-- tools -->\n${COLOR}\n`)
      expect(deepAll(agent, 'voice-start-button').length).to.equal(1)
      expect(tool(agent).getClientRects().length).to.equal(0)
      await audit(agent)
    }))

  it('leaves controls of the page in their place', async () => {
    for (const control of ['<voice-status></voice-status>', '<img alt="">', 'Text']) {
      const agent = await mountAgent('', COLOR + control)
      expect(deepAll(agent, 'voice-start-button').length, control).to.equal(0)
    }
  })
})

describe('<voice-tool> and the model', () => {
  it('is told of with the session, by script, attribute, property, or without a schema', async () => {
    const agent = await mountTools(`${COLOR}
      <div><voice-tool name="a" description="A" parameters='{"type":"object","required":["x"]}'></voice-tool></div>
      <voice-tool name="b" description="B"></voice-tool><voice-tool name="c" description="C"></voice-tool>`)
    agent.querySelector<VoiceTool>('[name=c]')!.parameters = { type: 'object', title: 'C' }
    const socket = await open(agent)
    expect(told(socket, 'open')[0]?.tools).to.deep.equal([
      DECLARED,
      { name: 'a', description: 'A', parameters: { type: 'object', required: ['x'] } },
      { name: 'b', description: 'B', parameters: { type: 'object', properties: {} } },
      { name: 'c', description: 'C', parameters: { type: 'object', title: 'C' } },
    ])
  })

  it('is told of beside the tools of sessionOptions and of the agent', async () => {
    const agent = await mountTools(COLOR)
    const handler = (): string => 'done'
    agent.sessionOptions = {
      ...agent.sessionOptions,
      tools: [defineTool({ name: 'a', description: 'A', handler })],
    }
    agent.tools = [
      defineTool({ name: 'b', description: 'B', handler }),
      { name: 'c', description: 'C', handler },
      { name: 'd', description: 'D' },
    ]
    const socket = await open(agent)
    expect(names(told(socket, 'open')[0]?.tools)).to.deep.equal(['a', 'b', 'c', 'd', 'set_color'])
    expect(await answered(call(socket, 'c'))).to.equal('done')
  })

  it('is told of when it comes, changes or goes while the session is open: all of one task at once', async () => {
    const agent = await mountTools(COLOR)
    const socket = await open(agent)
    agent.insertAdjacentHTML('beforeend', '<voice-tool name="a" description="A"></voice-tool>')
    agent.insertAdjacentHTML('beforeend', '<voice-tool name="b" description="B"></voice-tool>')
    expect(await updated(socket, 1)).to.deep.equal(['set_color', 'a', 'b'])
    agent.querySelector('[name=b]')!.setAttribute('name', 'c')
    expect(await updated(socket, 2)).to.deep.equal(['set_color', 'a', 'c'])
    tool(agent).querySelector('script')!.textContent = '{"type":"object","title":"New"}'
    expect(await updated(socket, 3)).to.deep.equal(['set_color', 'a', 'c'])
    expect(told(socket, 'update')[2]?.config.tools[0]).to.have.nested.property('parameters.title', 'New')
    tool(agent).remove()
    expect(await updated(socket, 4)).to.deep.equal(['a', 'c'])
    agent.tools = [{ name: 'd', description: 'D' }]
    expect(await updated(socket, 5)).to.deep.equal(['d', 'a', 'c'])
  })

  it('asks for no second change before the first is taken over, and for none that changes nothing', async () => {
    const agent = await mountTools(COLOR)
    const socket = await open(agent)
    // It leaves and comes back.
    agent.append(tool(agent))
    agent.insertAdjacentHTML('beforeend', '<voice-tool name="a" description="A"></voice-tool>')
    await until(() => told(socket, 'update').length === 1)
    agent.querySelector('[name=a]')!.remove()
    agent.append(tool(agent))
    await settled(agent)
    expect(told(socket, 'update').length).to.equal(1)
    expect(await updated(socket, 1)).to.deep.equal(['set_color', 'a'])
    expect(await updated(socket, 2)).to.deep.equal(['set_color'])
    expect(told(socket, 'update').length).to.equal(2)
  })

  it('that came while the line was down is told of over the new one', async () => {
    const agent = await mountTools('')
    agent.sessionOptions = { ...agent.sessionOptions, reconnect: { initialMs: 1, maxMs: 1 } }
    const socket = await open(agent)
    const dialled = ScriptedSocket.next()
    socket.drop(1006)
    agent.insertAdjacentHTML('beforeend', COLOR)
    const second = ready(await dialled)
    expect(await updated(second)).to.deep.equal(['set_color'])
  })

  it('is a warning where the provider refuses it, and the tools in force stay', async () => {
    const agent = await mountTools(COLOR)
    const socket = await open(agent)
    tool(agent).addEventListener('toolcall', (event) => event.respondWith('red'))
    agent.insertAdjacentHTML('beforeend', '<voice-tool name="a" description="A"></voice-tool>')
    await until(() => told(socket, 'update').length === 1)
    const warned = next<VoiceWarning>(agent, 'warning')
    const { id } = told(socket, 'update')[0]!
    const { VoiceError } = await import('../../src/index.ts')
    agent.session!.provider.decode = function* (data) {
      const event = JSON.parse(data as string)
      yield event.type === 'update-rejected'
        ? { ...event, error: new VoiceError('configuration-rejected', 'Too many tools') }
        : event
    }
    socket.say({ type: 'update-rejected', id })
    expect((await warned).detail).to.include({ code: 'configuration-rejected', message: 'Too many tools' })
    expect(await answered(call(socket, 'set_color'))).to.equal('red')
  })

  it('that is no JSON object fails the start, and is a warning later', async () => {
    const agent = await mountTools('<voice-tool name="a" description="A" parameters="[1]"></voice-tool>')
    const failure = await agent.start().catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(TypeError)
    expect((failure as TypeError).message).to.match(
      /<voice-tool name="a"> .*must be a JSON object: current value is \[1\]/,
    )
    tool(agent).parameters = null
    await open(agent)
    const warned = next<VoiceWarning>(agent, 'warning')
    tool(agent).parameters = '{'
    expect((await warned).detail.message).to.include('current value is {')
  })

  it('is not told to a provider that knows no tools', async () => {
    const agent = await mountTools('', new ScriptedProvider({ capabilities: { tools: false } }))
    const socket = await open(agent)
    agent.insertAdjacentHTML('beforeend', COLOR)
    await settled(agent)
    expect(told(socket, 'update')).to.deep.equal([])
    // The line is as it was, and nothing waits on it.
    agent.session!.sendText('Hi')
    await until(() => told(socket, 'text').length === 1)
    expect(told(socket, 'update')).to.deep.equal([])
  })

  it('leaves a session of the page the tools that it came with', async () => {
    const { createScripted, stopScripted } = await import('../support/scripted-provider.ts')
    const agent = await mountTools(COLOR)
    const session = createScripted({
      tools: [defineTool({ name: 'set_color', description: 'Mine', handler: () => 'mine' })],
    })
    agent.session = session as unknown as VoiceAgent['session']
    const socket = await open(agent)
    const running = next<ToolCallEvent>(agent, 'toolcall')
    expect(await answered(call(socket, 'set_color'))).to.equal('mine')
    expect((await running).detail.status).to.equal('running')
    expect((await running).target).to.equal(agent)
    await stopScripted()
  })
})

describe('<voice-tool> toolcall', () => {
  it('asks once for the answer, on the tool and at the agent, and tells on the agent what came of it', async () => {
    const agent = await mountTools(COLOR)
    const socket = await open(agent)
    const seen: string[] = []
    tool(agent).addEventListener('toolcall', (event) => {
      seen.push(`tool ${event.detail.status}`)
      event.respondWith(Promise.resolve({ ok: true }))
    })
    agent.addEventListener('toolcall', (event) => {
      expect(event).to.be.instanceOf(VoiceToolCallEvent)
      seen.push(`agent ${event.detail.status} from ${(event.target as Element).localName}`)
    })
    const first = next<ToolCallEvent>(document.body, 'toolcall')
    expect(await answered(call(socket, 'set_color', { color: 'red' }))).to.equal('{"ok":true}')
    expect((await first).detail).to.deep.equal({
      callId: 'c1',
      name: 'set_color',
      status: 'running',
      input: { color: 'red' },
    })
    expect(seen).to.deep.equal([
      'tool running',
      'agent running from voice-tool',
      'agent done from voice-agent',
    ])
  })

  it('may be answered on the agent, for a tool without a handler there as well', async () => {
    const agent = await mountTools(COLOR)
    agent.tools = [{ name: 'look', description: 'Looks' }]
    agent.addEventListener('toolcall', (event) => {
      if (event.detail.status === 'running') event.respondWith(`${event.detail.name}!`)
    })
    const socket = await open(agent)
    expect(await answered(call(socket, 'set_color'), 1)).to.equal('set_color!')
    expect(await answered(call(socket, 'look', {}, 'c2'), 2)).to.equal('look!')
  })

  it('is asked of the element that bears the name now', async () => {
    const agent = await mountTools(COLOR)
    const socket = await open(agent)
    tool(agent).remove()
    agent.insertAdjacentHTML('beforeend', COLOR)
    tool(agent).addEventListener('toolcall', (event) => event.respondWith('the new one'))
    await settled(agent)
    expect(await answered(call(socket, 'set_color'))).to.equal('the new one')
  })

  it('that nobody answers is a failure to the model, and a warning to the page', async () => {
    const agent = await mountTools(COLOR)
    const socket = await open(agent)
    const warned = next<VoiceWarning>(agent, 'warning')
    expect(await answered(call(socket, 'set_color'))).to.equal('The tool failed')
    expect((await warned).detail).to.deep.include({
      code: 'tool-failed',
      message: 'The tool failed: set_color: No listener of toolcall called respondWith()',
    })
  })

  it('is a failure where the promise is rejected, and the model is not told why', async () => {
    const agent = await mountTools(COLOR)
    const socket = await open(agent)
    tool(agent).addEventListener('toolcall', (event) =>
      event.respondWith(Promise.reject(new Error('Secret'))),
    )
    const warned = next<VoiceWarning>(agent, 'warning')
    expect(await answered(call(socket, 'set_color'))).to.equal('The tool failed')
    expect((await warned).detail.message).to.include('Secret')
  })

  it('respondWith() throws when it is late, twice, or not asked', async () => {
    const agent = await mountTools(COLOR)
    agent.tools = [{ name: 'own', description: 'Own', handler: () => 'own' }]
    const socket = await open(agent)
    const refusal = (event: VoiceToolCallEvent): string => {
      try {
        event.respondWith('again')
      } catch (error) {
        const { name, message } = error as DOMException
        return `${name} ${message.split(': ').at(-1)}`
      }
      return 'taken'
    }
    const refused: string[] = []
    const events: VoiceToolCallEvent[] = []
    agent.addEventListener('toolcall', (event) => {
      events.push(event)
      if (event.detail.name === 'set_color' && event.detail.status === 'running') event.respondWith('first')
      refused.push(refusal(event))
    })
    expect(await answered(call(socket, 'set_color'), 1)).to.equal('first')
    expect(await answered(call(socket, 'own', {}, 'c2'), 2)).to.equal('own')
    await until(() => events.length === 4)
    const handler = 'InvalidStateError it is a tool with a handler of its own, or its call is over'
    expect(refused).to.deep.equal(['InvalidStateError it is answered', handler, handler, handler])
    const silent = new VoiceToolCallEvent(
      { callId: 'c', name: 'n', status: 'running' },
      { signal: new AbortController().signal, onanswer: () => expect.fail('It is late') },
    )
    agent.dispatchEvent(silent)
    expect(refusal(silent)).to.equal('InvalidStateError it is over')
  })

  it('has a signal that says when the call is withdrawn', async () => {
    const agent = await mountTools(COLOR)
    const socket = await open(agent)
    const asked = next(tool(agent), 'toolcall') as unknown as Promise<VoiceToolCallEvent>
    tool(agent).addEventListener('toolcall', (event) => event.respondWith(new Promise(() => {})))
    call(socket, 'set_color')
    const { signal } = await asked
    expect(signal?.aborted).to.equal(false)
    const cancelled = new Promise<VoiceToolCallEvent>((resolve) =>
      agent.addEventListener('toolcall', resolve, { once: true }),
    )
    socket.say({ type: 'tool-cancel', callIds: ['c1'] })
    expect((await cancelled).detail.status).to.equal('cancelled')
    expect((await cancelled).signal).to.equal(null)
    expect(signal?.aborted).to.equal(true)
    expect(told(socket, 'tool-result')).to.deep.equal([])
  })
})
