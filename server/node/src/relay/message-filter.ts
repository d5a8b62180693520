import type { RelayCode } from '../codes.ts'
import type { DataMessage } from './message-assembler.ts'

/** What becomes of a message: true: it is passed on as it is; false: nobody hears of it; a text takes its place. */
export type Verdict = boolean | string

/** What a filter may do beside judging. */
export interface FilterHost {
  /** Sends a text message to the provider, behind everything that was passed on before. */
  toProvider(text: string): void
  /** Sends a text message to the client, behind everything that was passed on before. */
  toClient(text: string): void
  /** Ends the session: the client gets the error message, then the close. */
  end(code: RelayCode, closeCode: number, message: string): void
  /** The provider has counted tokens. */
  used(tokens: number): void
}

/** Judges every data message of one session, both ways. It does no I/O but through its host. */
export interface MessageFilter {
  /** The greatest message of a client that it judges, in bytes; a longer one ends the session. */
  readonly maxMessageBytes: number
  /** Called once, before any message: what it sends to the provider goes there first. */
  start(host: FilterHost): void
  fromClient(message: DataMessage): Verdict
  fromProvider(message: DataMessage): Verdict
  /** Whether a text of the provider's that is no message, such as the reason of its close, may be told. */
  mayTell(text: string): boolean
  /** The session has ended: nothing may be sent any more. */
  stop(): void
}
