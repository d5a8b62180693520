import { expect } from 'chai'
import { z } from 'zod'
import type { AnsweredCall, ToolCallEvent, VoiceWarning } from '../../src/index.ts'
import {
  defineTool,
  type StandardSchema,
  type Tool,
  type ToolContext,
  type ToolDefinition,
} from '../../src/session/define-tool.ts'
import { ToolRunner } from '../../src/session/tool-runner.ts'
import { aMoment } from '../support/events.ts'

type Handler = NonNullable<ToolDefinition['handler']>

const SECRET = 'password=hunter2'
const never = new Promise<never>(() => {})

/** A runner, all that it said, and the end of so many calls. */
function setUp(...tools: Tool[]) {
  const results: Pick<AnsweredCall, 'callId' | 'name' | 'output'>[] = []
  const events: ToolCallEvent[] = []
  const warnings: VoiceWarning[] = []
  let wake = (): void => {}
  const runner = new ToolRunner({
    tools,
    onresult: (result) => results.push(result),
    ontoolcall: (event) => {
      events.push(event)
      wake()
    },
    onwarning: (warning) => warnings.push(warning),
  })
  const run = (name = 'tool', text = '{}', callId = 'c1') => runner.run({ callId, name, arguments: text })
  const ends = () => events.filter(({ status }) => status !== 'running')
  const ended = async (count = 1): Promise<void> => {
    while (ends().length < count) await new Promise<void>((resolve) => (wake = resolve))
  }
  const outputs = () => results.map(({ output }) => output)
  const statuses = () => events.map(({ status }) => status)
  return { runner, run, ended, results, events, warnings, outputs, statuses }
}

function tool(handler: Handler, more: object = {}): Tool {
  return defineTool({ name: 'tool', description: 'Does something', handler, ...more } as ToolDefinition)
}

/** What the model is told when a tool with this handler is called once. */
async function outputOf(handler: Handler, more: object = {}, text?: string): Promise<unknown> {
  const { run, ended, outputs } = setUp(tool(handler, more))
  run('tool', text)
  await ended()
  expect(outputs()).to.have.length(1)
  return outputs()[0]
}

describe('ToolRunner', () => {
  it('run() answers with what a handler gives, now or later', async () => {
    expect(await outputOf(() => 'sunny')).to.equal('sunny')
    expect(await outputOf(async () => 'sunny')).to.equal('sunny')
    expect(await outputOf(() => ({ degrees: 20 }))).to.equal('{"degrees":20}')
    expect(await outputOf(() => [1, null])).to.equal('[1,null]')
    expect(await outputOf(() => null)).to.equal('null')
    expect(await outputOf(() => undefined)).to.equal('')
    expect(await outputOf(() => false)).to.equal('false')
  })

  it('run() tells of a call as it runs and when it is done', async () => {
    const { run, ended, events, results, warnings } = setUp(tool(() => 'sunny', { parameters: z.object({}) }))
    run()
    await ended()
    const call = { callId: 'c1', name: 'tool', input: {} }
    expect(events).to.deep.equal([
      { ...call, status: 'running' },
      { ...call, status: 'done', output: 'sunny' },
    ])
    expect(results).to.deep.equal([
      { role: 'tool', callId: 'c1', name: 'tool', arguments: '{}', output: 'sunny' },
    ])
    expect(warnings).to.deep.equal([])
  })

  it('run() hands the handler the validated input and its call', async () => {
    const seen: unknown[] = []
    const parameters = z.object({ city: z.string().trim(), days: z.number().default(1) })
    const handler = (...args: unknown[]) => seen.push(...args)
    await outputOf(handler, { parameters }, '{"city":" Oslo ","other":1}')
    const [input, context] = seen as [unknown, ToolContext]
    expect(input).to.deep.equal({ city: 'Oslo', days: 1 })
    expect(context).to.include({ callId: 'c1', name: 'tool' })
    expect(context.signal.aborted).to.equal(false)
  })

  it('run() hands over no input where there are no parameters, whatever the model wrote', async () => {
    const inputs: unknown[] = []
    await outputOf((input) => inputs.push(input), {}, 'not JSON')
    expect(inputs).to.deep.equal([undefined])
  })

  it('run() takes empty arguments for an empty object', async () => {
    const inputs: unknown[] = []
    await outputOf((input) => inputs.push(input), { parameters: { type: 'object' } }, '')
    expect(inputs).to.deep.equal([{}])
  })

  it('run() waits for a validator that answers later', async () => {
    const parameters: StandardSchema = {
      '~standard': { version: 1, vendor: 'acme', validate: async () => ({ value: 'checked' }) },
    }
    const more = { parameters, jsonSchema: { type: 'object' } }
    expect(await outputOf((input) => input, more)).to.equal('checked')
  })

  it('run() tells the model which field is wrong and why, and does not run the handler', async () => {
    const parameters = z.object({ city: z.string(), when: z.object({ day: z.number() }) })
    const { run, ended, outputs, events, warnings } = setUp(
      tool(() => expect.fail('It must not run'), { parameters }),
    )
    run('tool', '{"city":5,"when":{}}')
    await ended()
    const [output] = outputs()
    expect(output).to.match(/^Invalid arguments: city: .*string.*; when\.day: .*number/)
    expect(events).to.have.length(1)
    expect(events[0]).to.deep.include({ status: 'failed', input: { city: 5, when: {} } })
    expect(warnings).to.deep.equal([])
  })

  it('run() tells the model of issues without a path, and of paths in either form', async () => {
    const issues = [
      { message: 'too much' },
      { message: 'odd', path: ['a', { key: 0 }, { key: Symbol('s') }] },
    ]
    const parameters = { '~standard': { version: 1, vendor: 'acme', validate: () => ({ issues }) } }
    const output = await outputOf(() => 'ran', { parameters, jsonSchema: { type: 'object' } })
    expect(output).to.equal('Invalid arguments: too much; a.0.Symbol(s): odd')
  })

  it('run() does not take an empty list of issues for success', async () => {
    const parameters = { '~standard': { version: 1, vendor: 'acme', validate: () => ({ issues: [] }) } }
    const output = await outputOf(() => 'ran', { parameters, jsonSchema: { type: 'object' } })
    expect(output).to.equal('Invalid arguments: ')
  })

  it('run() tells the model what a JSON Schema requires and it left out', async () => {
    const parameters = { type: 'object', required: ['city', 'toString'] }
    expect(await outputOf(() => 'ran', { parameters }, '{"day":1}')).to.equal(
      'Invalid arguments: city: must be given; toString: must be given',
    )
    expect(await outputOf(() => 'ran', { parameters }, '{"city":1,"toString":2}')).to.equal('ran')
  })

  for (const text of ['{"city":', '[]', 'null', '"text"']) {
    it(`run() tells the model that ${text} is not a JSON object`, async () => {
      const output = await outputOf(() => 'ran', { parameters: { type: 'object' } }, text)
      expect(output).to.equal('Invalid arguments: must be a JSON object')
    })
  }

  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const failing: [what: string, handler: Handler, message: RegExp][] = [
    ['throws', () => expect.fail(SECRET), /^The tool failed: tool: password=hunter2$/],
    ['rejects', () => Promise.reject(new Error(SECRET)), /: password=hunter2$/],
    ['rejects with a text', () => Promise.reject(SECRET), /: password=hunter2$/],
    ['rejects with nothing', () => Promise.reject(), /^The tool failed: tool$/],
    ['gives a cycle', () => cyclic, /circular|cyclic/],
    ['gives a BigInt', () => 1n, /BigInt/],
    ['gives too much', () => 'é'.repeat(32_769), /at most 65536 bytes: 65538$/],
  ]
  for (const [what, handler, message] of failing) {
    it(`run() tells the developer and not the model why a handler ${what}`, async () => {
      const { run, ended, outputs, warnings, events } = setUp(tool(handler))
      run()
      await ended()
      expect(outputs()).to.deep.equal(['The tool failed'])
      expect(warnings).to.have.length(1)
      expect(warnings[0]).to.include({ code: 'tool-failed' })
      expect(warnings[0]?.message).to.match(message)
      expect(events.at(-1)?.status).to.equal('failed')
    })
  }

  it('run() lets an answer of exactly 64 KiB through', async () => {
    expect(await outputOf(() => 'é'.repeat(32_768))).to.have.length(32_768)
  })

  it('run() gives the event the error itself', async () => {
    const error = new Error(SECRET)
    const { run, ended, events } = setUp(tool(() => Promise.reject(error)))
    run()
    await ended()
    expect(events.at(-1)).to.include({ error, output: 'The tool failed' })
  })

  it('run() answers for a validator that throws', async () => {
    const validate = () => expect.fail(SECRET)
    const parameters = { '~standard': { version: 1, vendor: 'acme', validate } }
    const more = { parameters, jsonSchema: { type: 'object' } }
    expect(await outputOf(() => 'ran', more)).to.equal('The tool failed')
  })

  it('run() answers for a tool that does not exist', async () => {
    const { run, ended, outputs, warnings, statuses } = setUp(tool(() => 'ran'))
    run('constructor')
    await ended()
    expect(outputs()).to.deep.equal(['There is no such tool'])
    expect(warnings[0]).to.include({ code: 'tool-missing', message: 'There is no such tool: constructor' })
    expect(statuses()).to.deep.equal(['failed'])
  })

  it('run() answers for a handler that takes too long, aborts it, and drops what it gives later', async () => {
    let answer = (_: string): void => {}
    let signal: AbortSignal | undefined
    const slow = tool(
      (_, context) => {
        signal = context.signal
        return new Promise((resolve) => (answer = resolve))
      },
      { timeoutMs: 2 },
    )
    const { run, ended, outputs, warnings, statuses } = setUp(slow)
    run()
    expect(signal?.aborted).to.equal(false)
    await ended()
    expect(signal?.aborted).to.equal(true)
    answer('late')
    await aMoment(1)
    expect(outputs()).to.deep.equal(['The tool took too long'])
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.include({ code: 'tool-timeout', message: 'The tool took too long: tool' })
    expect(statuses()).to.deep.equal(['running', 'failed'])
  })

  it('run() does not abort what is done, however long ago', async () => {
    let signal: AbortSignal | undefined
    const handler: Handler = (_, context) => {
      signal = context.signal
      return 'done'
    }
    expect(await outputOf(handler, { timeoutMs: 2 })).to.equal('done')
    await aMoment(5)
    expect(signal?.aborted).to.equal(false)
  })

  it('run() answers for a validator that takes too long', async () => {
    const parameters = { '~standard': { version: 1, vendor: 'acme', validate: () => never } }
    const more = { parameters, jsonSchema: { type: 'object' }, timeoutMs: 2 }
    expect(await outputOf(() => 'ran', more)).to.equal('The tool took too long')
  })

  it('run() passes over a call that it knows, running or answered', async () => {
    let ran = 0
    const { run, ended, outputs } = setUp(tool(async () => ++ran))
    run()
    run()
    await ended()
    run()
    await aMoment(1)
    expect(outputs()).to.deep.equal(['1'])
  })

  it('run() runs 32 calls at once and tells the model that the next is one too many', async () => {
    const ends: ((output: string) => void)[] = []
    const { run, ended, outputs, warnings } = setUp(tool(() => new Promise((resolve) => ends.push(resolve))))
    for (let i = 0; i < 33; i++) run('tool', '{}', `c${i}`)
    await ended()
    expect([ends.length, outputs()]).to.deep.equal([32, ['Too many tools run']])
    expect(warnings[0]?.code).to.equal('tool-busy')
    ends[0]?.('done')
    await ended(2)
    run('tool', '{}', 'c33')
    expect(ends).to.have.length(33)
  })

  it('run() asks for approval with the validated input, and runs the handler upon yes', async () => {
    const asked: unknown[] = []
    const approve = ({ callId, name, input, signal }: ToolContext & { input: unknown }) => {
      asked.push(callId, name, input, signal.aborted)
      return true
    }
    const parameters = z.object({ city: z.string().trim() })
    expect(await outputOf(() => 'ran', { parameters, approve }, '{"city":" Oslo"}')).to.equal('ran')
    expect(asked).to.deep.equal(['c1', 'tool', { city: 'Oslo' }, false])
  })

  for (const no of [false, undefined, 'no', Promise.resolve(false)]) {
    it(`run() tells the model that the user declined when the answer is ${typeof no} ${no}`, async () => {
      const { run, ended, outputs, statuses, warnings } = setUp(
        tool(() => expect.fail('It must not run'), { approve: () => no }),
      )
      run()
      await ended()
      expect(outputs()).to.deep.equal(['The user declined'])
      expect([statuses(), warnings]).to.deep.equal([['declined'], []])
    })
  }

  it('run() does not run the handler where approval fails', async () => {
    const approve = () => Promise.reject(new Error(SECRET))
    expect(await outputOf(() => 'ran', { approve })).to.equal('The tool failed')
  })

  it('run() does not count the time of approval', async () => {
    const approve = () => aMoment(10).then(() => true)
    expect(await outputOf(() => 'ran', { approve, timeoutMs: 3 })).to.equal('ran')
  })

  it('run() bounds the time of the handler after approval', async () => {
    expect(await outputOf(() => never, { approve: () => true, timeoutMs: 2 })).to.equal(
      'The tool took too long',
    )
  })

  it('cancel() aborts calls, does not answer them, and drops what they give later', async () => {
    const signals: AbortSignal[] = []
    const waiting = tool((_, { signal }) => {
      signals.push(signal)
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve('late')))
    })
    const { runner, run, outputs, events } = setUp(waiting)
    run('tool', '{}', 'a')
    run('tool', '{}', 'b')
    runner.cancel(['a', 'unknown'])
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, false])
    await aMoment(1)
    expect(outputs()).to.deep.equal([])
    expect(events.at(-1)).to.deep.equal({ callId: 'a', name: 'tool', status: 'cancelled', input: undefined })
    runner.cancel(['b'])
    expect(outputs()).to.deep.equal([])
  })

  it('cancel() during approval keeps the handler from running', async () => {
    let decide = (_: boolean): void => {}
    let signal: AbortSignal | undefined
    const approve = (call: ToolContext) => {
      signal = call.signal
      return new Promise<boolean>((resolve) => (decide = resolve))
    }
    const { runner, run, statuses } = setUp(tool(() => expect.fail('It must not run'), { approve }))
    run()
    runner.cancel(['c1'])
    expect(signal?.aborted).to.equal(true)
    decide(true)
    await aMoment(1)
    expect(statuses()).to.deep.equal(['cancelled'])
  })

  it('cancel() by a listener that hears of the call keeps the handler from running', async () => {
    const statuses: string[] = []
    let ran = false
    const runner = new ToolRunner({
      tools: [tool(() => (ran = true))],
      onresult: () => expect.fail('It must not be answered'),
      ontoolcall: ({ status }) => {
        statuses.push(status)
        if (status === 'running') runner.cancelAll()
      },
      onwarning: ({ message }) => expect.fail(message),
    })
    runner.run({ callId: 'c1', name: 'tool', arguments: '' })
    await aMoment(1)
    expect([statuses, ran]).to.deep.equal([['running', 'cancelled'], false])
  })

  it('cancelAll() aborts a handler though a listener throws', () => {
    let signal: AbortSignal | undefined
    const runner = new ToolRunner({
      tools: [
        tool((_, context) => {
          signal = context.signal
          return never
        }),
      ],
      onresult: () => expect.fail('It must not be answered'),
      ontoolcall: ({ status }) => {
        if (status === 'cancelled') throw new Error('A listener of the page')
      },
      onwarning: ({ message }) => expect.fail(message),
    })
    runner.run({ callId: 'c1', name: 'tool', arguments: '' })
    expect(() => runner.cancelAll()).to.throw('A listener of the page')
    expect(signal?.aborted).to.equal(true)
  })

  it('cancelAll() aborts every call once', async () => {
    const { runner, run, statuses, outputs } = setUp(tool(() => never))
    run('tool', '{}', 'a')
    run('tool', '{}', 'b')
    runner.cancelAll()
    runner.cancelAll()
    expect(statuses()).to.deep.equal(['running', 'running', 'cancelled', 'cancelled'])
    expect(outputs()).to.deep.equal([])
  })

  it('update() puts other tools in the place of those so far, while calls go on', async () => {
    let answer = (_: string): void => {}
    const { runner, run, ended, outputs } = setUp(tool(() => new Promise((resolve) => (answer = resolve))))
    run('tool', '{}', 'a')
    const other = defineTool({ name: 'other', description: 'Another one', handler: () => 'other' })
    runner.update([other])
    expect(runner.declarations).to.deep.equal([other.declaration])
    answer('first')
    await ended()
    run('tool', '{}', 'b')
    run('other', '{}', 'c')
    await ended(3)
    expect(outputs()).to.have.members(['first', 'There is no such tool', 'other'])
  })

  it('update() refuses two tools of one name, and keeps what it had', () => {
    const one = tool(() => 'one')
    const { runner } = setUp(one)
    expect(() => runner.update([one, tool(() => 'two')])).to.throw(
      TypeError,
      /unique.*: current value is tool,tool$/,
    )
    expect(runner.declarations).to.have.length(1)
    expect(() => setUp(one, one)).to.throw(TypeError)
  })
})

describe('ToolRunner, with an endpoint', () => {
  let requests: Request[] = []
  const base = { name: 'tool', description: 'Does something' }
  const answering =
    (respond: () => Response | Promise<Response>): typeof fetch =>
    async (input, init) => {
      requests.push(new Request(input, init))
      return respond()
    }
  /** A runner whose tool is answered by a server. */
  const remote = (respond: () => Response | Promise<Response>, more: object = {}, definition: object = {}) =>
    setUp(
      defineTool({
        ...base,
        ...definition,
        endpoint: { url: '/tools/weather', fetch: answering(respond), ...more },
      }),
    )

  beforeEach(() => {
    requests = []
  })

  it('run() posts the call and its validated input, and answers with the text', async () => {
    const parameters = z.object({ city: z.string(), days: z.number().default(1) })
    const more = { headers: { 'x-app': 'a' } }
    const { run, ended, outputs } = remote(() => Response.json({ sky: 'blue' }), more, { parameters })
    run('tool', '{"city":"Oslo"}')
    await ended()
    const [request] = requests
    expect(request?.url).to.equal(new URL('/tools/weather', location.href).href)
    expect(request).to.include({ method: 'POST', credentials: 'same-origin' })
    expect(request?.headers.get('content-type')).to.equal('application/json')
    expect(request?.headers.get('x-app')).to.equal('a')
    expect(await request?.json()).to.deep.equal({
      callId: 'c1',
      name: 'tool',
      arguments: { city: 'Oslo', days: 1 },
    })
    expect(outputs()).to.deep.equal(['{"sky":"blue"}'])
  })

  it('run() posts an empty input where there are no parameters, with the credentials asked for', async () => {
    const { run, ended, outputs } = remote(() => new Response('blue'), { credentials: 'include' })
    run()
    await ended()
    expect(requests[0]?.credentials).to.equal('include')
    expect(await requests[0]?.json()).to.deep.include({ arguments: {} })
    expect(outputs()).to.deep.equal(['blue'])
  })

  for (const endpoint of ['/tools/weather', new URL('/tools/weather', location.href)]) {
    it(`run() posts to a ${typeof endpoint} with the page's own fetch`, async () => {
      const own = window.fetch
      window.fetch = answering(() => new Response('blue'))
      try {
        const { run, ended, outputs } = setUp(defineTool({ ...base, endpoint }))
        run()
        await ended()
        expect(requests[0]?.url).to.match(/\/tools\/weather$/)
        expect(outputs()).to.deep.equal(['blue'])
      } finally {
        window.fetch = own
      }
    })
  }

  it('run() tells the developer and not the model of a server that fails', async () => {
    const { run, ended, outputs, warnings } = remote(() => new Response(SECRET, { status: 503 }))
    run()
    await ended()
    expect(outputs()).to.deep.equal(['The tool failed'])
    expect(warnings[0]).to.include({ code: 'tool-failed', message: 'The tool failed: tool: HTTP 503' })
  })

  it('run() answers for a server that cannot be reached', async () => {
    const { run, ended, outputs } = remote(() => Promise.reject(new TypeError('Failed to fetch')))
    run()
    await ended()
    expect(outputs()).to.deep.equal(['The tool failed'])
  })

  it('run() refuses a response that is too long', async () => {
    const { run, ended, outputs } = remote(() => new Response('x'.repeat(65_537)))
    run()
    await ended()
    expect(outputs()).to.deep.equal(['The tool failed'])
  })

  it('cancel() aborts the request', async () => {
    const { runner, run, statuses } = remote(() => never)
    run()
    runner.cancel(['c1'])
    expect(requests[0]?.signal.aborted).to.equal(true)
    await aMoment(1)
    expect(statuses()).to.deep.equal(['running', 'cancelled'])
  })
})
