import { expect } from 'chai'
import { delay, HttpResponse, http } from 'msw'
import { setupWorker } from 'msw/browser'
import { TokenClient, type TokenClientOptions, VoiceError } from '../../src/index.ts'

const URL_ = '/api/voice-agent/token'
const worker = setupWorker()
let requests: Request[] = []

/** Answers the endpoint's requests in turn, the last answer for ever. */
function answers(...responses: (() => Response | Promise<Response>)[]): void {
  worker.use(
    http.post(URL_, ({ request }) => {
      requests.push(request)
      const respond = responses[Math.min(requests.length, responses.length) - 1]
      return respond ? respond() : HttpResponse.error()
    }),
  )
}

const grant =
  (token: string, more: object = {}) =>
  () =>
    HttpResponse.json({ success: true, token, expiresIn: 60, mode: 'openai', ...more })
const refusal =
  (status: number, headers: Record<string, string> = {}) =>
  () =>
    HttpResponse.json({ success: false }, { status, headers })
const client = (options: Partial<TokenClientOptions> = {}) =>
  new TokenClient({ url: URL_, random: () => 0, ...options })
const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('Expected a rejection')
    },
    (reason: unknown) => reason,
  )

describe('TokenClient', () => {
  before(() => worker.start({ quiet: true }))
  after(() => worker.stop())
  afterEach(() => {
    worker.resetHandlers()
    requests = []
  })

  it('get() keeps a token until its margin, by a clock that does not jump', async () => {
    answers(grant('one'), grant('two'))
    let now = 0
    const tokens = client({ now: () => now, refreshMarginMs: 10_000 })
    expect(await tokens.get()).to.equal('one')
    now = 49_999
    expect(await tokens.get()).to.equal('one')
    now = 50_001
    expect(await tokens.get()).to.equal('two')
  })

  it('get() never hands a single-use ticket out again', async () => {
    answers(grant('one', { mode: 'relay' }), grant('two', { mode: 'relay' }))
    const tokens = client()
    expect([await tokens.get(), await tokens.get()]).to.deep.equal(['one', 'two'])
  })

  it('get() lets ten callers share one request', async () => {
    answers(grant('one'))
    const tokens = client()
    const all = await Promise.all(Array.from({ length: 10 }, () => tokens.get()))
    expect([new Set(all).size, requests.length]).to.deep.equal([1, 1])
  })

  it('get() tries again after a server error and honours Retry-After', async () => {
    answers(refusal(503, { 'retry-after': '0.05' }), grant('one'))
    const started = performance.now()
    expect(await client().get()).to.equal('one')
    expect(performance.now() - started).to.be.at.least(50)
  })

  it('get() treats 4xx as final', async () => {
    answers(refusal(401))
    const error = await failure(client().get())
    expect(error)
      .to.be.instanceOf(VoiceError)
      .and.to.deep.include({ code: 'token-rejected', retryable: false })
    expect(requests).to.have.length(1)
  })

  it('get() gives up after maxAttempts and says so once', async () => {
    answers(refusal(500))
    const tokens = client({ maxAttempts: 3 })
    const told: VoiceError[] = []
    tokens.on('error', (error) => told.push(error))
    const error = await failure(tokens.get())
    expect(error).to.be.instanceOf(VoiceError).and.to.deep.include({ code: 'token-failed', retryable: true })
    expect([requests.length, told.length]).to.deep.equal([3, 1])
  })

  it('get() stops waiting when its signal is aborted, and others go on', async () => {
    answers(async () => {
      await delay(50)
      return grant('one')()
    })
    const tokens = client()
    const abort = new AbortController()
    const one = failure(tokens.get({ signal: abort.signal }))
    const other = tokens.get()
    abort.abort()
    expect(await one).to.equal(abort.signal.reason)
    expect(await other).to.equal('one')
  })

  it('get() sends headers and body, and reads other shapes with parse', async () => {
    worker.use(
      http.post(URL_, async ({ request }) =>
        HttpResponse.json({
          echoed: `${request.headers.get('x-app')} ${JSON.stringify(await request.json())}`,
        }),
      ),
    )
    const tokens = client({
      headers: { 'x-app': 'a' },
      body: { provider: 'openai' },
      parse: (answer) => ({ token: (answer as { echoed: string }).echoed, expiresIn: 1, singleUse: false }),
    })
    expect(await tokens.get()).to.equal('a {"provider":"openai"}')
  })

  it('get() does not take an answer without a token for one', async () => {
    answers(() => HttpResponse.json({ success: true }))
    const error = await failure(client({ maxAttempts: 1 }).get())
    expect(error).to.be.instanceOf(VoiceError).and.to.deep.include({ code: 'token-failed' })
  })
})
