import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { Refusal } from '../../server/node/src/codes.ts'
import { clientAddress } from '../../server/node/src/limits.ts'
import { isOrigin, originPolicy } from '../../server/node/src/origins.ts'
import {
  offeredProtocols,
  protocolCredential,
  selectProtocol,
} from '../../server/node/src/relay/handshake.ts'
import { findRoute, parseTarget } from '../../server/node/src/relay/routes.ts'
import { TICKET_TYPE, TicketVerifier } from '../../server/node/src/tokens.ts'
import { fuzz } from './support/fuzz.ts'
import { ADDRESSES, type Forwarded, forwarded, origins, queries, subprotocols } from './support/handshakes.ts'
import { type TicketParts, tickets, writeTicket } from './support/tickets.ts'

fuzz<string>('relay-query', {
  inputs: queries,
  runs: 3000,
  check: (query) => {
    const target = parseTarget(`/v1/realtime?${query}`)
    assert.ok(target !== null)
    const route = findRoute(target, '')
    assert.ok(route !== null)
    // What is behind a "#" never reaches a server.
    const sent = query.replace(/#.*$/s, '').replace(/[^\x21-\x7e]/g, encodeURIComponent)
    const known = [...new URLSearchParams(`?${sent}`)]
    const own = (name: string) => name === 'token' || name === 'service'
    assert.deepEqual(
      [...new URLSearchParams(route.query)],
      known.filter(([name]) => !own(name)),
    )
    assert.deepEqual(
      route.models,
      known.filter(([name]) => name === 'model').map(([, value]) => value),
    )
    // It becomes part of a request's first line.
    assert.match(route.query, /^(\?[\x21-\x7e]+)?$/)
    assert.ok(route.query.length <= 1 + 9 * query.length)
  },
})

fuzz<string>('relay-subprotocols', {
  inputs: subprotocols,
  runs: 3000,
  check: (header) => {
    const offered = orRefusal(
      () => offeredProtocols(requestWith({ 'sec-websocket-protocol': header })),
      [400],
    )
    if (offered === null) return
    const credential = protocolCredential(offered)
    const selected = selectProtocol(offered)
    if (selected === null) return
    assert.ok(offered.includes(selected))
    const alone = offered.length === 1 && selected.startsWith('access_token.')
    assert.ok(alone || credential === null || credential.length < 32 || !selected.includes(credential))
  },
})

fuzz<string>('relay-origin', {
  inputs: origins,
  runs: 3000,
  check: (origin) => {
    const policy = originPolicy(['https://app.example', 'http://localhost:8000'])
    assert.equal(policy.allows(origin), ['https://app.example', 'http://localhost:8000'].includes(origin))
    policy.onHost(origin)
    if (origin === '*') return // all of them
    if (!isOrigin(origin)) return assert.throws(() => originPolicy([origin]), TypeError)
    const { origin: known, pathname, search, hash, username } = new URL(origin)
    assert.ok(known === origin || known === 'null')
    assert.deepEqual([search, hash], ['', ''])
    assert.ok(pathname === '/' || pathname === '')
    assert.ok(known === 'null' || username === '')
    assert.ok(originPolicy([origin]).allows(origin))
  },
})

fuzz<Forwarded>('relay-address', {
  inputs: forwarded,
  runs: 3000,
  check: ({ remote, header, proxies }) => {
    const address = clientAddress(remote, header, proxies)
    assert.ok(isIP(address.replace(/\/64$/, '')) !== 0, address)
    // What the client itself writes is in front of what the trusted proxies do, and changes nothing.
    for (const lie of [...ADDRESSES, 'unknown', '']) {
      const entries = header.split(',').length
      if (proxies > 0 && entries < proxies) continue
      assert.equal(clientAddress(remote, `${lie},${header}`, proxies), address)
    }
  },
})

const SECRET = randomBytes(32).toString('hex')
const verifier = new TicketVerifier({ secret: SECRET })

fuzz<TicketParts>('relay-ticket', {
  inputs: tickets,
  runs: 3000,
  check: async (parts) => {
    const now = Math.floor(Date.now() / 1000)
    const { token, header, claims } = writeTicket(parts, { now, secret: SECRET })
    let found: Awaited<ReturnType<TicketVerifier['verify']>> | null = null
    try {
      found = await verifier.verify(token)
    } catch (error) {
      assert.ok(error instanceof Refusal && error.status === 401, String(error))
      assert.match(error.message, /^The ticket (is not good here|has expired)$/)
      return
    }
    // Nothing gets in that a second reading of the rules would not let in.
    assert.equal(parts.signed, 'well')
    assert.notEqual(parts.written, 'cut')
    assert.deepEqual([header['alg'], header['typ']], ['HS256', TICKET_TYPE])
    assert.ok(!('crit' in header))
    assert.equal(claims['iss'], 'voicewire')
    assert.ok([claims['aud']].flat().includes('voicewire-relay'))
    const { sub, jti, iat, exp, nbf = 0 } = claims
    for (const time of [iat, exp, nbf]) assert.ok(Number.isFinite(time))
    assert.ok((exp as number) > now - 10 && (iat as number) < now + 10 && (nbf as number) < now + 10)
    assert.ok((exp as number) - (iat as number) <= 3600)
    assert.deepEqual([found.user, found.id], [sub, jti])
    for (const name of ['provider', 'model', 'origin'] as const) assert.equal(found[name], claims[name])
    assert.equal(found.maxSeconds, claims['max_seconds'])
  },
})

function requestWith(headers: Record<string, string>): IncomingMessage {
  return { headers } as unknown as IncomingMessage
}

function orRefusal<T>(parse: () => T, statuses: readonly number[]): T | null {
  try {
    return parse()
  } catch (error) {
    assert.ok(error instanceof Refusal && statuses.includes(error.status), String(error))
    return null
  }
}
