import { expect } from 'chai'
import { type Provider, VoiceError } from '../../src/index.ts'
import { type ReplayedStep, replayConversation } from '../../src/testing/index.ts'

const LINES = [
  { about: 'the connection', open: {}, events: [] },
  { receive: { type: 'a', n: 1 }, events: [{ type: 'thinking' }] },
  { receiveText: 'no JSON', events: [{ type: 'warning', code: 'text', message: 'no JSON' }] },
  { receiveBinary: 'AAEC', events: [{ type: 'audio', itemId: '1', data: { bytes: 3 } }] },
  { about: 'a command', command: { type: 'say', text: 'hi' }, events: [{ type: 'say', text: 'hi' }] },
  { receive: { type: 'unknown' } },
]

/** A provider that does what the lines say. */
const provider = {
  open: () => [],
  decode(data: string | ArrayBuffer) {
    if (typeof data !== 'string') return [{ type: 'audio', itemId: '1', data: new Uint8Array(data) }]
    if (!data.startsWith('{')) return [{ type: 'warning', code: 'text', message: data }]
    return data === '{"type":"a","n":1}' ? [{ type: 'thinking', extra: undefined }] : []
  },
  *encode(command: object) {
    yield JSON.stringify(command)
  },
} as unknown as Provider

const textOf = (lines: readonly unknown[]) => lines.map((line) => JSON.stringify(line)).join('\n\n')
const run = (lines: readonly unknown[], given = provider): ReplayedStep[] => [
  ...replayConversation(given, textOf(lines), { name: 'a.jsonl' }),
]

describe('replayConversation', () => {
  it('yields each line with its events, where all are as expected', () => {
    const steps = run(LINES)
    expect(steps.map(({ line }) => line)).to.deep.equal([1, 3, 5, 7, 9, 11])
    expect(steps.map(({ events }) => events)).to.deep.equal(LINES.map(({ events }) => events ?? []))
    expect(steps[4]?.step.about).to.equal('a command')
    expect(steps[5]?.expected).to.deep.equal([])
  })

  const wrong: [string, unknown, RegExp][] = [
    [
      'another value',
      { about: 'x', receive: { type: 'a', n: 1 }, events: [{ type: 'ready' }] },
      /^Cannot replay a\.jsonl:1 \(x\) as events\[0\]\.type must be "ready": current value is "thinking"$/,
    ],
    ['an event too many', { receive: { type: 'a', n: 1 } }, /events\[0\] must be absent: .*"thinking"/],
    [
      'an event too few',
      { receive: { type: 'b' }, events: [{ type: 'ready' }] },
      /events\[0\] must be {"type":"ready"}: current value is absent$/,
    ],
    [
      'a field too many',
      { command: { type: 'say', text: 'hi' }, events: [{ type: 'say' }] },
      /events\[0\]\.text must be absent: current value is "hi"$/,
    ],
    [
      'another number of bytes',
      { receiveBinary: 'AAEC', events: [{ type: 'audio', itemId: '1', data: { bytes: 4 } }] },
      /events\[0\]\.data\.bytes must be 4: current value is 3$/,
    ],
    [
      'a step of no kind',
      { recieve: {} },
      /a\.jsonl:1 as a step must be one of .*: current value is recieve$/,
    ],
  ]
  for (const [name, line, message] of wrong) {
    it(`throws at ${name}, and says where and what`, () => {
      expect(() => run([line])).to.throw(message)
    })
  }

  it('throws at a line that is not JSON, after those before it', () => {
    const steps = replayConversation(provider, '{"open":{}}\nnonsense')
    expect(steps.next().value?.line).to.equal(1)
    expect(() => steps.next()).to.throw(
      /the conversation:2 as each line must be JSON: current value is nonsense/,
    )
  })

  it('writes errors as code, retryable and message, and the arguments of a call as they are', () => {
    const call = { type: 'tool-call', callId: '1', name: 'a', arguments: '{"b":1}' }
    const given = {
      open: () => [{ type: 'error', error: new VoiceError('rate-limited', 'slowly'), fatal: false }, call],
    } as unknown as Provider
    const error = { code: 'rate-limited', retryable: true, message: 'slowly' }
    const events = [{ type: 'error', error, fatal: false }, call]
    expect(run([{ open: {}, events }], given)).to.have.length(1)
    const other = [{ type: 'error', error: { ...error, code: 'forbidden' }, fatal: false }, call]
    expect(() => run([{ open: {}, events: other }], given)).to.throw(
      /events\[0\]\.error\.code must be "forbidden"/,
    )
  })
})
