import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { z } from 'zod'
import { pythonEnvironment } from '../../scripts/python.mjs'
import { Refusal } from '../../server/node/src/codes.ts'
import { readFunctionCall } from '../../server/node/src/functions/function-call.ts'
import { clientAddress } from '../../server/node/src/limits.ts'
import {
  offeredProtocols,
  protocolCredential,
  selectProtocol,
} from '../../server/node/src/relay/handshake.ts'
import { findRoute } from '../../server/node/src/relay/routes.ts'
import { readJsonBody, textField } from '../../server/node/src/token-service/json-body.ts'
import { TicketVerifier } from '../../server/node/src/tokens.ts'
import { corpus, invented } from './support/fuzz.ts'
import { type Forwarded, forwarded, queries, subprotocols } from './support/handshakes.ts'
import { messages } from './support/inputs.ts'
import { type TicketParts, tickets, writeTicket } from './support/tickets.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SECRET = randomBytes(32).toString('hex')
const COUNT = 400

function wholeTexts(known: readonly unknown[]): fc.Arbitrary<string> {
  return messages(known).filter((message) => !/\\ud[89a-f]/i.test(message))
}

/** A body for one of the endpoints. */
interface Body {
  readonly model: 'token' | 'refresh' | 'function'
  readonly kind: string
  readonly content: string
}

type Question = readonly [kind: string, input: unknown]

const BODIES: Readonly<Record<Body['model'], (request: IncomingMessage) => Promise<unknown>>> = {
  token: (request) =>
    readJsonBody(
      request,
      z.object({
        provider: z.enum(['openai', 'deepgram']).optional(),
        use: z.enum(['relay', 'direct']).optional(),
      }),
    ),
  refresh: (request) => readJsonBody(request, z.object({ sessionId: textField(128) })),
  function: readFunctionCall,
}

const bodies: fc.Arbitrary<Body> = fc.record({
  model: fc.constantFrom('token', 'refresh', 'function'),
  kind: fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/plain', ''),
  // Whether half a surrogate pair in an escape is a text is for each reader to say.
  content: wholeTexts([
    { provider: 'openai', use: 'relay' },
    { sessionId: 'b0f3' },
    { id: 'call_1', name: 'clock', arguments: '{"city":"Bern"}' },
    { id: 'call_1', name: 'clock', arguments: { city: 'Bern' } },
  ]),
})

/** What the relay in TypeScript makes of the same. */
const READERS: Readonly<Record<string, (input: never) => unknown>> = {
  query: (query: string) => {
    const route = findRoute({ path: '/v1/realtime', query }, '')!
    const alias = findRoute({ path: '/deepgram-proxy', query }, '')?.path ?? null
    return { query: route.query, models: route.models, alias }
  },
  subprotocols: (header: string) => {
    const offered = offeredProtocols({
      headers: { 'sec-websocket-protocol': header },
    } as unknown as IncomingMessage)
    return { credential: protocolCredential(offered), selected: selectProtocol(offered) }
  },
  address: ({ remote, header, proxies }: Forwarded) => clientAddress(remote, header, proxies),
  body: async ({ model, kind, content }: Body) => {
    const pieces = content === '' ? [] : [Buffer.from(content)]
    const request = Object.assign(Readable.from(pieces), { headers: { 'content-type': kind } })
    await BODIES[model](request as unknown as IncomingMessage)
    return 'read'
  },
  ticket: async (token: string) => {
    const {
      user,
      id,
      provider = null,
      model = null,
      origin = null,
      maxSeconds = null,
    } = await verifier.verify(token)
    return [user, id, provider, model, origin, maxSeconds]
  },
}
const verifier = new TicketVerifier({ secret: SECRET })

for (const name of ['fastapi', 'django']) {
  const { program, missing } = pythonEnvironment(name)
  test(`${name} reads what clients write as the relay in TypeScript does`, {
    skip: missing ?? false,
  }, async () => {
    const questions = ask()
    const answers = await askPython(program('python'), { folder: `${ROOT}server/${name}`, questions })
    const apart: unknown[] = []
    for (const [index, question] of questions.entries()) {
      const ours = await ownAnswer(question)
      if (!sameAnswer(ours, answers[index])) apart.push({ question, ours, [name]: answers[index] })
    }
    assert.deepEqual(apart.slice(0, 20), [], `${apart.length} of ${questions.length} are read otherwise`)
  })
}

/** The corpus, and as much again that is invented. */
function ask(): readonly Question[] {
  const now = Math.floor(Date.now() / 1000)
  const token = (parts: TicketParts) => writeTicket(parts, { now, secret: SECRET }).token
  return [
    // Whether a server cuts a target at its "#" is its own matter; none passes it on as one.
    ...both('relay-query', queries).map((input): Question => ['query', input.replace(/#.*$/s, '')]),
    ...both('relay-subprotocols', subprotocols).map((input): Question => ['subprotocols', input]),
    ...both('relay-address', forwarded).map((input): Question => ['address', input]),
    ...both('backend-bodies', bodies).map((input): Question => ['body', input]),
    ...both('relay-ticket', tickets).map((input): Question => ['ticket', token(input)]),
  ]
}

function both<Input>(parser: string, inputs: fc.Arbitrary<Input>): readonly Input[] {
  return [...corpus<Input>(parser).map(({ input }) => input), ...invented(inputs, COUNT)]
}

async function ownAnswer([kind, input]: Question): Promise<unknown> {
  try {
    return await READERS[kind]!(input as never)
  } catch (error) {
    if (error instanceof Refusal) return { refused: [error.status, error.code] }
    throw error
  }
}

/** Has one process of Python answer all questions. */
async function askPython(
  command: string,
  { folder, questions }: { readonly folder: string; readonly questions: readonly Question[] },
): Promise<readonly unknown[]> {
  const child = spawn(command, ['tests/readings.py'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] })
  const printed = textOf(child.stdout)
  const lines = [SECRET, ...questions].map((line) => JSON.stringify(line))
  child.stdin.end(`${lines.join('\n')}\n`)
  const answers = (await printed).trim().split('\n')
  assert.equal(answers.length, questions.length)
  return answers.map((line) => JSON.parse(line) as unknown)
}

/** A ticket that has expired and is wrong besides may be called either. */
function plain(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer).replace('ticket_expired', 'ticket_invalid'))
}

function sameAnswer(ours: unknown, theirs: unknown): boolean {
  try {
    assert.deepEqual(plain(ours), plain(theirs))
    return true
  } catch {
    return false
  }
}
