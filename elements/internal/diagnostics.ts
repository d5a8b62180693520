import type { Conversation } from './conversation.ts'
import { toRedactedJSON } from './redact.ts'
import { devicesOf, errorOf, pick, type SessionLog } from './session-log.ts'

export interface DiagnosticsOptions {
  /** Whether what was said, and what tools were given and gave, is part of it. */
  readonly withText: boolean
  /** What must not be part of it. */
  readonly secrets: readonly string[]
}

/** @returns What helps to find a fault, as JSON, without keys, tokens, tickets, instructions and the queries of addresses. */
export function diagnose(
  conversation: Conversation | null,
  log: SessionLog | null,
  { withText, secrets }: DiagnosticsOptions,
): string {
  const { session = null, error = null } = conversation ?? {}
  const { origin, pathname } = location
  const { microphone = null, ...stats } = session?.stats ?? {}
  return toRedactedJSON(
    {
      at: new Date().toISOString(),
      page: origin + pathname,
      userAgent: navigator.userAgent,
      online: navigator.onLine,
      secureContext: isSecureContext,
      provider: session?.provider.name,
      capabilities: session?.provider.capabilities,
      state: conversation?.state,
      ...(session && pick(session, 'agentState', 'muted', 'volume', 'halfDuplex')),
      error: error && errorOf(error),
      microphone: devicesOf({ input: microphone, output: '' })['input'],
      stats,
      turns: log?.turns,
      messages: Object.fromEntries(log?.messages ?? []),
      events: log?.events.map(({ at, name, facts, text }) => ({
        at: new Date(at).toISOString(),
        event: name,
        ...facts,
        ...(withText && text),
      })),
      ...(withText && {
        transcript: session?.transcript.map((entry) => pick(entry, 'role', 'text', 'final', 'interrupted')),
      }),
    },
    secrets,
  )
}
