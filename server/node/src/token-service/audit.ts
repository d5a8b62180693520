import type { RelayCode } from '../codes.ts'
import type { RelayLogger } from '../log.ts'
import type { LimitKey } from './request-limits.ts'
import type { TokenMode } from './sessions.ts'

/** One line of the audit log. It holds no token, no key, and no user's name. */
export interface AuditRecord {
  readonly event: 'issued' | 'refreshed' | 'refused' | 'blocked' | 'revoked'
  /** In ms of the epoch. */
  readonly at: number
  /** As limits count it: an IPv4 address, or the /64 of an IPv6 address. Of the operator who revoked something. */
  readonly address: string
  /** Of the page; null where the request came from none. */
  readonly origin: string | null
  /** The first 16 digits of the user's SHA-256, as in the relay's log; null where nobody knows the user. */
  readonly user: string | null
  readonly sessionId: string | null
  readonly mode: TokenMode | null
  /** Why it was refused; null for other events, and where nobody foresaw why. */
  readonly code: RelayCode | null
  /** What was blocked; null for other events. */
  readonly key: LimitKey | null
  /** `jti` of the ticket that was revoked; only there. */
  readonly ticket?: string
}

/** Takes one record; a failure of it is logged, and fails no request. */
export type Audit = (record: AuditRecord) => void

/** The same audit log, whose failures are logged and go no further. */
export function safely(audit: Audit, logger: RelayLogger): Audit {
  return (record) => {
    try {
      audit(record)
    } catch (error) {
      logger.warn({ error: error instanceof Error ? error.name : typeof error }, 'audit failed')
    }
  }
}

/** An audit log among the other lines: those of a child with `log: "audit"`, where the logger has children. */
export function auditTo(logger: RelayLogger): Audit {
  const log = logger.child?.({ log: 'audit' }) ?? logger
  return (record) => log.info(record, `token ${record.event}`)
}
