import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createRelay, type RelayOptions, type ServerTool, type ToolContext } from '../src/index.ts'
import { closeMessage, fragment } from './support/fragments.ts'
import { connect, type Peer } from './support/peers.ts'
import { type Setup, setUp } from './support/relays.ts'
import { faultyUpstream, switching } from './support/sessions.ts'

const balance: ServerTool = {
  name: 'get_balance',
  description: `Reads ${randomUUID()}`,
  parameters: { type: 'object', properties: { account: { type: 'string' } } },
  run: ({ account }, { state }) => {
    const asked = ((state.get('asked') as number | undefined) ?? 0) + 1
    state.set('asked', asked)
    return { account: account ?? null, asked }
  },
}

interface Joined {
  readonly setup: Setup
  readonly client: Peer
  readonly provider: Peer
}

async function join(
  t: TestContext,
  tools: ServerTool[],
  path = '/v1/realtime',
  more: Partial<RelayOptions> = {},
): Promise<Joined> {
  const setup = await setUp(t, { tools, ...more })
  return again(t, setup, path)
}

async function again(t: TestContext, setup: Setup, path = '/v1/realtime'): Promise<Joined> {
  const client = await connect(t, setup.url + path, { headers: await setup.authorization() })
  const provider = await setup.upstream.accept()
  if (path === '/v1/realtime') {
    const { session } = await provider.nextJson()
    provider.send(JSON.stringify({ type: 'session.updated', session }))
  }
  return { setup, client, provider }
}

function call(name: string, id: string, args: object = {}) {
  return {
    id: `item_${id}`,
    type: 'function_call',
    status: 'completed',
    name,
    call_id: id,
    arguments: JSON.stringify(args),
  }
}

/** A response of OpenAI with all that is said about its calls. */
function respond(provider: Peer, calls: ReturnType<typeof call>[], status = 'completed'): void {
  const send = (message: object) => provider.send(JSON.stringify(message))
  send({ type: 'response.created', response: { id: 'resp', status: 'in_progress', output: [] } })
  let previous = 'item_user'
  for (const item of calls) {
    send({ type: 'response.output_item.added', item: { ...item, arguments: '' } })
    send({ type: 'conversation.item.added', previous_item_id: previous, item: { ...item, arguments: '' } })
    send({
      type: 'response.function_call_arguments.delta',
      item_id: item.id,
      call_id: item.call_id,
      delta: '{}',
    })
    send({
      type: 'response.function_call_arguments.done',
      item_id: item.id,
      call_id: item.call_id,
      name: item.name,
    })
    send({ type: 'conversation.item.done', previous_item_id: previous, item })
    send({ type: 'response.output_item.done', item })
    previous = item.id
  }
  send({ type: 'response.done', response: { id: 'resp', status, output: calls, usage: null } })
}

test('A tool of the relay runs there; the client sees only the responses', async (t) => {
  const { client, provider } = await join(t, [balance])
  respond(provider, [call('get_balance', 'c1', { account: 'A' })])
  const { item } = await provider.nextOfType('conversation.item.create')
  assert.deepEqual(item, { type: 'function_call_output', call_id: 'c1', output: '{"account":"A","asked":1}' })
  assert.equal((await provider.nextJson()).type, 'response.create')
  const output = { id: 'item_out', type: 'function_call_output', call_id: 'c1', output: '{}' }
  provider.send(
    JSON.stringify({ type: 'conversation.item.added', previous_item_id: 'item_c1', item: output }),
  )
  provider.send(JSON.stringify({ type: 'conversation.item.done', previous_item_id: 'item_c1', item: output }))
  const answer = { id: 'item_answer', type: 'message', role: 'assistant', content: [] }
  provider.send(
    JSON.stringify({ type: 'conversation.item.added', previous_item_id: 'item_out', item: answer }),
  )
  assert.equal((await client.nextJson()).type, 'response.created')
  assert.deepEqual((await client.nextJson()).response, {
    id: 'resp',
    status: 'completed',
    output: [],
    usage: null,
  })
  const added = await client.nextJson()
  assert.deepEqual([added.item.id, added.previous_item_id], ['item_answer', 'item_user'])
})

test('A tool of the relay is declared beside the client’s own, which cannot take its name', async (t) => {
  const { client, provider } = await join(t, [balance])
  const own = { type: 'function', name: 'scroll', description: 'Scrolls', parameters: {} }
  const session = { type: 'realtime', instructions: 'Mine', tools: [own, { ...own, name: 'get_balance' }] }
  client.send(JSON.stringify({ type: 'session.update', session }))
  const asked = await provider.nextJson()
  assert.equal(asked.session.instructions, 'Mine')
  assert.deepEqual(
    asked.session.tools.map(({ name }: { name: string }) => name),
    ['get_balance', 'scroll'],
  )
  assert.equal(asked.session.tools[0].description, balance.description)
  provider.send(JSON.stringify({ type: 'session.updated', session: asked.session }))
  const shown = await client.nextJson()
  assert.deepEqual([shown.session.instructions, shown.session.tools], ['Mine', [own]])
})

test('A tool of the relay keeps its state for one connection', async (t) => {
  const first = await join(t, [balance])
  for (const asked of [1, 2]) {
    respond(first.provider, [call('get_balance', `c${asked}`)])
    const { item } = await first.provider.nextOfType('conversation.item.create')
    assert.equal(JSON.parse(item.output).asked, asked)
  }
  const second = await again(t, first.setup)
  respond(second.provider, [call('get_balance', 'c1')])
  const { item } = await second.provider.nextOfType('conversation.item.create')
  assert.equal(JSON.parse(item.output).asked, 1)
})

test('Calls of both sides in one response: the client answers its own, and asks for the next response', async (t) => {
  const gate = Promise.withResolvers<void>()
  const slow: ServerTool = { ...balance, run: () => gate.promise }
  const { client, provider } = await join(t, [slow])
  respond(provider, [call('get_balance', 'ours'), call('scroll', 'theirs')])
  const done = await client.nextOfType('response.done')
  assert.deepEqual(
    done.response.output.map(({ call_id: id }: { call_id: string }) => id),
    ['theirs'],
  )
  const answer = { type: 'function_call_output', call_id: 'theirs', output: 'ok' }
  client.send(JSON.stringify({ type: 'conversation.item.create', item: answer }))
  client.send('{"type":"response.create"}')
  assert.deepEqual((await provider.nextOfType('conversation.item.create')).item, answer)
  gate.resolve()
  assert.equal((await provider.nextJson()).item.call_id, 'ours')
  assert.deepEqual(await provider.nextJson(), { type: 'response.create' })
  client.send('{"type":"input_audio_buffer.commit"}')
  assert.equal((await provider.nextJson()).type, 'input_audio_buffer.commit', 'one response was asked for')
})

test('A client’s request that waited for a tool also waits for a response that began meanwhile', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { client, provider } = await join(t, [{ ...balance, run: () => gate.promise }])
  const roundTrip = async () => {
    client.send('{"type":"input_audio_buffer.commit"}')
    assert.equal((await provider.nextJson()).type, 'input_audio_buffer.commit')
  }
  respond(provider, [call('get_balance', 'c1')])
  await client.nextOfType('response.done')
  client.send('{"type":"response.create","event_id":"mine"}')
  await roundTrip()
  provider.send('{"type":"response.created","response":{"id":"by voice"}}')
  await client.nextOfType('response.created')
  gate.resolve()
  assert.equal((await provider.nextJson()).item.call_id, 'c1')
  await roundTrip() // a request now would be refused, and nobody would say what the tool has found out
  provider.send('{"type":"response.done","response":{"id":"by voice","status":"completed","output":[]}}')
  assert.deepEqual(await provider.nextJson(), { type: 'response.create', event_id: 'mine' })
  await roundTrip()
})

test('The relay waits with its response for one that began meanwhile', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { client, provider } = await join(t, [{ ...balance, run: () => gate.promise }])
  respond(provider, [call('get_balance', 'c1')])
  provider.send('{"type":"response.created","response":{"id":"by voice"}}')
  for (const _ of [1, 2]) await client.nextOfType('response.created')
  gate.resolve()
  await provider.nextOfType('conversation.item.create')
  provider.send('{"type":"response.done","response":{"id":"by voice","status":"completed","output":[]}}')
  const { type, event_id: id } = await provider.nextJson()
  assert.equal(type, 'response.create')
  const error = { code: 'conversation_already_has_active_response', message: 'x', event_id: id }
  provider.send(JSON.stringify({ type: 'error', error }))
  provider.send('{"type":"response.done","response":{"id":"another","status":"completed","output":[]}}')
  assert.equal((await provider.nextJson()).type, 'response.create', 'asks again behind the other one')
  assert.equal((await client.nextOfType('response.done')).response.id, 'by voice')
  assert.equal((await client.nextJson()).response.id, 'another', 'the error is not the client’s')
})

test('A cancelled response calls nothing', async (t) => {
  let runs = 0
  const { client, provider } = await join(t, [{ ...balance, run: () => (runs += 1) }])
  respond(provider, [call('get_balance', 'c1')], 'cancelled')
  assert.deepEqual((await client.nextOfType('response.done')).response.output, [])
  client.send('{"type":"input_audio_buffer.commit"}')
  assert.equal((await provider.nextJson()).type, 'input_audio_buffer.commit')
  assert.equal(runs, 0)
})

test('A tool that throws, hangs or is called with nonsense tells the model that it failed, and nobody why', async (t) => {
  const secret = randomUUID()
  const tools: ServerTool[] = [
    { ...balance, name: 'throws', run: () => Promise.reject(new Error(secret)) },
    { ...balance, name: 'hangs', timeoutMs: 100, run: () => new Promise(() => {}) },
    { ...balance, name: 'nonsense' },
  ]
  const { setup, provider } = await join(t, tools)
  const calls = tools.map(({ name }) => call(name, name))
  respond(
    provider,
    calls.map((one) => (one.name === 'nonsense' ? { ...one, arguments: `{"${secret}` } : one)),
  )
  const outputs = new Map<string, string>()
  for (const _ of tools) {
    const { item } = await provider.nextOfType('conversation.item.create')
    outputs.set(item.call_id, item.output)
  }
  for (const { name } of tools) assert.equal(outputs.get(name), '{"error":"The tool failed"}')
  await setup.logged('tool failed')
  assert.ok(!setup.log().includes(secret))
})

test('The end of a session aborts its tools', async (t) => {
  const began = Promise.withResolvers<ToolContext>()
  const run = (_args: unknown, context: ToolContext) => {
    began.resolve(context)
    return new Promise(() => {})
  }
  const { client, provider, setup } = await join(t, [{ ...balance, run }])
  respond(provider, [call('get_balance', 'c1')])
  const { signal, user, id } = await began.promise
  assert.deepEqual([user, id, signal.aborted], ['user-1', 'c1', false])
  client.socket.close()
  await setup.ended(1)
  assert.equal(signal.aborted, true)
})

test('At a Voice Agent, too, tools of the relay run there and stay hidden', async (t) => {
  const { client, provider } = await join(t, [balance], '/v1/agent/converse')
  const own = { name: 'scroll', description: 'Scrolls', parameters: {} }
  client.send(JSON.stringify({ type: 'Settings', agent: { think: { prompt: 'Mine', functions: [own] } } }))
  const { agent } = await provider.nextJson()
  assert.equal(agent.think.prompt, 'Mine')
  assert.deepEqual(
    agent.think.functions.map(({ name }: { name: string }) => name),
    ['scroll', 'get_balance'],
  )
  const ours = {
    id: 'f1',
    name: 'get_balance',
    arguments: '{"account":"A"}',
    client_side: true,
    thought_signature: 's',
  }
  const theirs = { id: 'f2', name: 'scroll', arguments: '{}', client_side: true }
  provider.send(JSON.stringify({ type: 'FunctionCallRequest', functions: [ours] }))
  assert.deepEqual(await provider.nextJson(), {
    type: 'FunctionCallResponse',
    id: 'f1',
    name: 'get_balance',
    content: '{"account":"A","asked":1}',
    thought_signature: 's',
  })
  provider.send(JSON.stringify({ type: 'History', function_calls: [{ ...ours, response: 'x' }] }))
  provider.send(JSON.stringify({ type: 'FunctionCallRequest', functions: [ours, theirs] }))
  assert.deepEqual((await client.nextJson()).functions, [theirs])
})

test('At a Voice Agent a cancelled call is aborted and not answered', async (t) => {
  const began = Promise.withResolvers<ToolContext>()
  const run = (_args: unknown, context: ToolContext) => {
    began.resolve(context)
    return new Promise(() => {})
  }
  const { client, provider } = await join(t, [{ ...balance, run }], '/v1/agent/converse')
  const functions = [{ id: 'f1', name: 'get_balance', arguments: '', client_side: true }]
  provider.send(JSON.stringify({ type: 'FunctionCallRequest', functions }))
  const { signal } = await began.promise
  const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
  provider.send(JSON.stringify({ type: 'FunctionCallCancelled', functions }))
  await aborted
  client.send('{"type":"KeepAlive"}')
  assert.equal((await provider.nextJson()).type, 'KeepAlive')
})

test('A call that comes when the session has ended runs nothing', async (t) => {
  let runs = 0
  const functions = [{ id: 'f1', name: 'get_balance', arguments: '', client_side: true }]
  const call = JSON.stringify({ type: 'FunctionCallRequest', functions })
  const upstreamUrl = await faultyUpstream(t, (socket, key) => {
    socket.write(switching(key))
    // The relay has closed: whatever comes first after the handshake is that.
    socket.once('data', () => {
      socket.end(
        Buffer.concat([fragment(1, call, { masked: false }), closeMessage(1000, '', { masked: false })]),
      )
    })
    socket.write(fragment(1, '{"type":"Welcome"}', { masked: false }))
  })
  const setup = await setUp(t, { upstreamUrl, tools: [{ ...balance, run: () => (runs += 1) }] })
  const headers = await setup.authorization()
  const client = await connect(t, `${setup.url}/v1/agent/converse`, { headers })
  await client.nextOfType('Welcome')
  await setup.relay.revoke({ user: 'user-1' })
  assert.equal((await setup.logged('session ended'))['upstreamCloseCode'], 1000)
  assert.equal(runs, 0)
})

test('Tools do not take the place of an agent that the provider keeps', async (t) => {
  const { client, provider } = await join(t, [balance], '/v1/agent/converse')
  const settings = { type: 'Settings', agent: randomUUID() }
  client.send(JSON.stringify(settings))
  assert.deepEqual(await provider.nextJson(), settings)
})

test('createRelay() refuses tools that no model could call', () => {
  const options = { allowedOrigins: [], open: true } as const
  for (const name of ['', 'a b', 'x'.repeat(65)]) {
    const tools = [{ ...balance, name }]
    assert.throws(() => createRelay({ ...options, tools, production: false }), /must have a name/)
  }
  for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
    const tools = [{ ...balance, timeoutMs }]
    assert.throws(() => createRelay({ ...options, tools, production: false }), /timeoutMs must be in/)
  }
  assert.throws(() => createRelay({ ...options, tools: [balance, balance], production: false }), /one name/)
})
