import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { hashUser, originOf } from './auth.ts'
import { Refusal } from './codes.ts'
import type { Endpoint } from './endpoint.ts'
import { addressOf } from './limits.ts'
import type { Revocations, Revoked } from './state/shared-state.ts'
import type { Audit } from './token-service/audit.ts'
import { readJsonBody, textField } from './token-service/json-body.ts'
import type { LimitKey, RequestLimits } from './token-service/request-limits.ts'

export interface AdminOptions {
  /** What an operator shows as a bearer; at least 16 characters. */
  readonly token: string
  readonly revocations: Revocations
  readonly audit: Audit
  readonly trustedProxies: number
  /** How often one address may guess the token. */
  readonly limits: RequestLimits
  /** Told when an address has guessed so often that it is blocked. */
  readonly onBlock: (request: IncomingMessage, key: LimitKey) => void
}

const LEAST_TOKEN_CHARACTERS = 16

const revokeRequest = z
  .object({ user: textField(256).optional(), ticket: textField(128).optional() })
  .refine(({ user, ticket }) => user !== undefined || ticket !== undefined, { path: ['user'] })

/** What an operator can do from outside, for whoever holds the token. */
export class AdminEndpoints {
  readonly #options: AdminOptions

  /** @throws {TypeError} Where the token is short. */
  constructor(options: AdminOptions) {
    if (options.token.length < LEAST_TOKEN_CHARACTERS) {
      throw new TypeError(
        `Cannot let operators in as adminToken must have at least ${LEAST_TOKEN_CHARACTERS} characters: current value has ${options.token.length}`,
      )
    }
    this.#options = options
  }

  /** What is at a path below the prefix; null where that is not an operator's. */
  endpointAt(path: string): Endpoint | null {
    if (path !== '/admin/revoke') return null
    const check = (request: IncomingMessage) => this.#check(request)
    return {
      method: 'POST',
      check,
      answer: async (request) => {
        await check(request)
        const { user, ticket } = await readJsonBody(request, revokeRequest)
        const subjects = [
          ...(user === undefined ? [] : [{ user }]),
          ...(ticket === undefined ? [] : [{ ticket }]),
        ]
        const told = await Promise.all(subjects.map((revoked) => this.#revoke(request, revoked)))
        return { status: 200, headers: {}, body: { success: true, shared: told.every(Boolean) } }
      },
    }
  }

  async #revoke(request: IncomingMessage, revoked: Revoked): Promise<boolean> {
    const { revocations, audit, trustedProxies } = this.#options
    const told = await revocations.revoke(revoked)
    audit({
      event: 'revoked',
      at: Date.now(),
      address: addressOf(request, trustedProxies),
      origin: originOf(request),
      user: 'user' in revoked ? hashUser(revoked.user).slice(0, 16) : null,
      sessionId: null,
      mode: null,
      code: null,
      key: null,
      ...('ticket' in revoked && { ticket: revoked.ticket }),
    })
    return told
  }

  /** @throws {Refusal} 401 for another token, 429 where the address has guessed too often. */
  async #check(request: IncomingMessage): Promise<void> {
    const { token, trustedProxies, limits, onBlock } = this.#options
    const address = addressOf(request, trustedProxies)
    const shown = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    // Digests are of one length, so that the comparison tells nothing of the token's.
    const right = timingSafeEqual(sha256(shown), sha256(token))
    // Also who is right at last: otherwise refused guesses would be as good as any.
    if (right) return limits.peek('ip', address)
    await limits.take('ip', address, (key) => onBlock(request, key))
    throw new Refusal(401, 'unauthenticated', 'This is for operators')
  }
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
