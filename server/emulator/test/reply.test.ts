import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sentences, words } from '../src/pacer.ts'
import { argumentsFor, defaultReply, type ReplyContext } from '../src/reply.ts'

const CONTEXT: ReplyContext = {
  protocol: 'openai-realtime',
  turn: 0,
  instructions: '',
  asked: null,
  speechMs: null,
  transcribed: true,
  tools: [],
  toolOutputs: [],
  pastCalls: [],
  history: [],
}

test('defaultReply() tells how long it heard speech, what was written, or what was said', async () => {
  const reply = async (text: string, context: Partial<ReplyContext>) =>
    String(await defaultReply(text, { ...CONTEXT, ...context }))
  assert.match(
    await reply('(x)', { speechMs: 3240, transcribed: false }),
    /^I heard you speak for 3\.2 seconds\. /,
  )
  assert.match(await reply('hello', {}), /^You wrote: hello\. /)
  assert.match(await reply('Hello!', { speechMs: 900 }), /^You said: Hello! /)
})

test('defaultReply() is the same for the same turn and varies between turns', async () => {
  const at = (turn: number) => defaultReply('hi', { ...CONTEXT, turn })
  assert.equal(await at(2), await at(2))
  assert.notEqual(await at(0), await at(1))
})

test('defaultReply() calls the tool that the text names', async () => {
  const tools = [
    { name: 'set_timer', description: '', parameters: {} },
    {
      name: 'get_weather',
      description: '',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  ]
  const reply = await defaultReply('Could you get weather for Rome?', { ...CONTEXT, tools })
  assert.deepEqual(reply, { calls: [{ name: 'get_weather', arguments: { city: 'Rome' } }] })
})

test('defaultReply() says what it is ordered to say', async () => {
  for (const [asked, said] of [
    ['Say "Good morning."', 'Good morning.'],
    ['Say exactly: Good morning.', 'Good morning.'],
    ['Please greet the user with “Good morning.”', 'Good morning.'],
  ] as const) {
    assert.equal(await defaultReply('', { ...CONTEXT, asked }), said)
  }
})

test('argumentsFor() fills what a schema requires', () => {
  const properties = {
    name: { type: 'string' },
    count: { type: 'integer' },
    on: { type: 'boolean' },
    unit: { enum: ['c', 'f'] },
    list: { type: 'array' },
    place: { type: 'object', properties: { city: { type: 'string' } } },
    left: { type: 'string' },
  }
  const required = ['name', 'count', 'on', 'unit', 'list', 'place']
  assert.deepEqual(argumentsFor({ properties, required }, 'set 5 lamps in Oslo'), {
    name: 'Oslo',
    count: 5,
    on: true,
    unit: 'c',
    list: [],
    place: { city: 'Oslo' },
  })
})

test('sentences() keeps numbers whole, and words() can be joined again', () => {
  assert.deepEqual(sentences('I heard 3.2 seconds. Go on! '), ['I heard 3.2 seconds.', 'Go on!'])
  assert.deepEqual(sentences(''), [])
  assert.equal(words(' Go on,  I am.').join(''), ' Go on,  I am.')
})
