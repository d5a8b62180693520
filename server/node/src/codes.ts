/**
 * Why the relay said no, or ended a session. The same word is in the JSON of an HTTP answer and in the error
 * message that comes before a close.
 *
 * | code | where | what happened |
 * |---|---|---|
 * | `bad_request` | 400, 426 | The handshake or the body is not what the protocol allows |
 * | `ticket_missing` | 401 | No ticket was shown, and there is no other way in |
 * | `ticket_invalid` | 401 | The ticket is malformed, forged, or meant for somebody else |
 * | `ticket_expired` | 401 | The ticket was good once |
 * | `ticket_used` | 401 | The ticket has opened a session already |
 * | `session_unknown` | 401 | No session has this id, or it cannot be refreshed any more |
 * | `unauthenticated` | 401 | The application does not know the user |
 * | `revoked` | 401, 4403 | The ticket, or its user, was revoked |
 * | `origin_forbidden` | 403 | The page's origin is not among the allowed ones, or not the ticket's |
 * | `provider_forbidden` | 403 | The ticket is for another provider |
 * | `model_forbidden` | 403 | The ticket is for another model |
 * | `session_forbidden` | 403 | The token is not the current one of the session |
 * | `refresh_limit` | 403 | The session was refreshed as often as it may be |
 * | `direct_forbidden` | 403 | The user or the provider must go through the relay |
 * | `not_found` | 404 | No such path |
 * | `function_unknown` | 404 | No function has this name |
 * | `method_not_allowed` | 405 | The path exists, the method does not |
 * | `body_too_big` | 413 | The request's body is over its bound |
 * | `unsupported_media_type` | 415 | The body is not JSON |
 * | `upgrade_required` | 426 | Nothing stands in the way: ask again as a WebSocket |
 * | `rate_limited` | 429 | Too many requests in the window |
 * | `blocked` | 429 | Limits were met so often that nothing is answered for a while |
 * | `too_many_connections` | 429 | This address or this user holds as many sessions as it may |
 * | `budget_spent` | 429, 4429 | The user has spent the budget of the day |
 * | `internal_error` | 500 | A function failed |
 * | `function_timeout` | 504 | A function took too long |
 * | `at_capacity` | 503 | The relay holds as many sessions as it may |
 * | `draining` | 503, 1012 | The relay is being restarted: come back |
 * | `provider_not_configured` | 503 | The relay has no key for this provider |
 * | `authentication_unavailable` | 503 | The keys or the service that judge a client cannot be reached |
 * | `sessions_unavailable` | 503 | The store of sessions cannot be reached |
 * | `protocol_error` | 1002, 1007 | The client's bytes are not what RFC 6455 allows |
 * | `too_many_fragments` | 1008 | A message came in too many fragments |
 * | `policy_violation` | 1008 | Too many forbidden messages, or JSON that cannot be judged |
 * | `too_fast` | 1008 | Sound came faster than real time for too long |
 * | `message_too_big` | 1009 | A message, or what came before the provider answered, is over its bound |
 * | `slow_consumer` | 1013 | One side did not read for too long |
 * | `inactivity_timeout` | 4408 | Nobody said anything for too long |
 * | `session_limit` | 4408 | The session reached its greatest length |
 * | `message_forbidden` | – | The policy does not let this message through: it is dropped, and the session goes on |
 * | `upstream_unauthorized` | 502, 1011 | The provider refused the relay's key |
 * | `upstream_rate_limited` | 502, 1013 | The provider is at its limit for this account |
 * | `upstream_refused` | 502, 1011 | The provider refused the request, for instance for an unknown model |
 * | `upstream_unavailable` | 502, 1011 | The provider cannot be reached or is out of order |
 * | `upstream_timeout` | 502, 1011 | The provider did not answer in time |
 * | `upstream_lost` | 1011 | The provider's connection broke |
 * | `upstream_protocol_error` | 502, 1011 | The provider's bytes are not what RFC 6455 or its API allows |
 */
export type RelayCode =
  | 'bad_request'
  | 'ticket_missing'
  | 'ticket_invalid'
  | 'ticket_expired'
  | 'ticket_used'
  | 'session_unknown'
  | 'unauthenticated'
  | 'revoked'
  | 'origin_forbidden'
  | 'provider_forbidden'
  | 'model_forbidden'
  | 'session_forbidden'
  | 'refresh_limit'
  | 'direct_forbidden'
  | 'not_found'
  | 'function_unknown'
  | 'method_not_allowed'
  | 'body_too_big'
  | 'unsupported_media_type'
  | 'upgrade_required'
  | 'rate_limited'
  | 'blocked'
  | 'too_many_connections'
  | 'budget_spent'
  | 'internal_error'
  | 'function_timeout'
  | 'at_capacity'
  | 'draining'
  | 'provider_not_configured'
  | 'authentication_unavailable'
  | 'sessions_unavailable'
  | 'protocol_error'
  | 'too_many_fragments'
  | 'policy_violation'
  | 'too_fast'
  | 'message_too_big'
  | 'slow_consumer'
  | 'inactivity_timeout'
  | 'session_limit'
  | 'message_forbidden'
  | 'upstream_unauthorized'
  | 'upstream_rate_limited'
  | 'upstream_refused'
  | 'upstream_unavailable'
  | 'upstream_timeout'
  | 'upstream_lost'
  | 'upstream_protocol_error'

export interface RefusalOptions {
  /** When asking again may help, in whole seconds from now; default null: it will not help. */
  readonly retryAfterSeconds?: number | null
  /** Headers that belong to the answer. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A request that was turned away, with all that its HTTP answer needs. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly code: RelayCode
  readonly retryAfterSeconds: number | null
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: RelayCode, message: string, options: RefusalOptions = {}) {
    super(message)
    this.status = status
    this.code = code
    this.retryAfterSeconds = options.retryAfterSeconds ?? null
    this.headers = options.headers ?? {}
  }
}
