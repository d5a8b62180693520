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

  it('get() gives each of two callers a single-use ticket of its own', async () => {
    answers(grant('one', { mode: 'relay' }), grant('two', { mode: 'relay' }))
    const tokens = client()
    expect(await Promise.all([tokens.get(), tokens.get()])).to.have.members(['one', 'two'])
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

  it('get() does not trust a token that slept, nor a clock that was set back', async () => {
    answers(grant('one'), grant('two'), grant('three'))
    let now = 0
    let date = 1e12
    const tokens = client({ now: () => now, date: () => date })
    expect(await tokens.get()).to.equal('one')
    date += 3_600_000
    expect(await tokens.get()).to.equal('two')
    date -= 7_200_000
    now = 51_000
    expect(await tokens.get()).to.equal('three')
  })

  it('get() ends the request when nobody waits for it any more', async () => {
    const ended = Promise.withResolvers<unknown>()
    const tokens = client({
      fetch: (_, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => {
            ended.resolve(init.signal?.reason)
            reject(init.signal?.reason)
          })
        }),
    })
    const first = new AbortController()
    const second = new AbortController()
    const both = [tokens.get({ signal: first.signal }), tokens.get({ signal: second.signal })].map(failure)
    first.abort(new Error('first'))
    second.abort(new Error('second'))
    expect(await Promise.all(both)).to.deep.equal([first.signal.reason, second.signal.reason])
    expect(await ended.promise).to.equal(second.signal.reason)
  })

  it('get() counts the date of Retry-After from the clock of the endpoint', async () => {
    const date = new Date('2020-01-01T00:00:00Z').toUTCString()
    const later = new Date('2020-01-01T01:00:00Z').toUTCString()
    answers(refusal(429, { date, 'retry-after': later }))
    const error = await failure(client().get())
    expect(error).to.deep.include({ code: 'rate-limited', phase: 'token', retryable: true })
    expect((error as VoiceError).message).to.contain('3600 s')
    expect(requests.length).to.equal(1)
  })

  it('autoRefresh replaces a token at its margin, until close()', async () => {
    answers(grant('one', { expiresIn: 0.2 }), grant('two', { expiresIn: 0.2 }), grant('three'))
    const tokens = client({ autoRefresh: true, refreshMarginMs: 150 })
    const refreshes: unknown[] = []
    const third = Promise.withResolvers<void>()
    tokens.on('refresh', (event) => {
      refreshes.push(event.expiresIn)
      if (refreshes.length === 3) third.resolve()
    })
    await tokens.get()
    await third.promise
    expect(refreshes).to.deep.equal([0.2, 0.2, 60])
    expect(await tokens.get()).to.equal('three')
    tokens.close()
    answers(grant('four'))
    requests = []
    expect(await tokens.get()).to.equal('four')
    tokens.close()
  })

  it('a token that is over already is neither kept nor replaced before it is asked for again', async () => {
    answers(grant('one', { expiresIn: 0 }), grant('two', { expiresIn: -1e150 }), grant('three'))
    const tokens = client({ autoRefresh: true })
    expect(await tokens.get()).to.equal('one')
    expect(await tokens.get()).to.equal('two')
    expect(requests.length).to.equal(2)
    expect(await tokens.get()).to.equal('three')
    tokens.close()
  })

  it('expire tells that a token has come to its end and was not replaced', async () => {
    answers(grant('one', { expiresIn: 0.02 }))
    const tokens = client({ refreshMarginMs: 0 })
    const expired = new Promise((resolve) => tokens.on('expire', resolve))
    await tokens.get()
    expect(await expired).to.deep.equal({ expiresIn: 0.02 })
  })

  it('a refresh that fails is told as error, and expire follows', async () => {
    answers(grant('one', { expiresIn: 0.1 }), refusal(401))
    const tokens = client({ autoRefresh: true, refreshMarginMs: 80 })
    const told: string[] = []
    tokens.on('error', ({ code }) => told.push(code))
    const expired = new Promise<void>((resolve) =>
      tokens.on('expire', () => {
        told.push('expire')
        resolve()
      }),
    )
    await tokens.get()
    await expired
    expect(told).to.deep.equal(['token-rejected', 'expire'])
    tokens.close()
  })

  it('a listener that throws takes nothing with it', async () => {
    answers(grant('one'), refusal(401))
    const { onerror } = window
    const told: unknown[] = []
    window.onerror = (_message, _file, _line, _column, error) => told.push(error?.message) > 0
    try {
      const tokens = client()
      tokens.on('refresh', () => {
        throw new Error('on purpose: refresh')
      })
      tokens.on('error', () => {
        throw new Error('on purpose: error')
      })
      expect(await tokens.get()).to.equal('one')
      tokens.close()
      expect(await failure(tokens.get())).to.deep.include({ code: 'token-rejected' })
      expect([told, requests.length]).to.deep.equal([['on purpose: refresh', 'on purpose: error'], 2])
    } finally {
      window.onerror = onerror
    }
  })

  it('get() keeps tokens in memory only', async () => {
    answers(grant('secret-token'))
    await client().get()
    const stored = JSON.stringify([
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      location.href,
    ])
    expect(stored).not.to.contain('secret-token')
  })
})
