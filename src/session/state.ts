import type { AgentState, SessionState } from '../events.ts'

/** What can happen to a session. */
export type SessionTransition = 'start' | 'ready' | 'lost' | 'stop' | 'closed'

/** What can happen to an agent, as the page perceives it. */
export type AgentTransition =
  | 'ready'
  | 'speech-start'
  | 'speech-end'
  | 'thinking'
  | 'audio'
  | 'done'
  | 'silent'
  | 'reset'

const SESSION: Record<SessionState, Partial<Record<SessionTransition, SessionState>>> = {
  closed: { start: 'connecting' },
  connecting: { ready: 'open', stop: 'closing' },
  open: { lost: 'reconnecting', stop: 'closing' },
  reconnecting: { ready: 'open', stop: 'closing' },
  closing: { closed: 'closed' },
}

/**
 * `done`: the provider finished its answer; `silent`: the last sample was heard, or the rest was dropped.
 * An answer is over for the page when it falls silent, so `speaking` does not end with `done`.
 */
const AGENT: Record<AgentState, Partial<Record<AgentTransition, AgentState>>> = {
  idle: { ready: 'listening' },
  listening: { 'speech-end': 'thinking', thinking: 'thinking', audio: 'speaking', reset: 'idle' },
  thinking: { 'speech-start': 'listening', audio: 'speaking', done: 'listening', reset: 'idle' },
  speaking: { silent: 'listening', reset: 'idle' },
}

/** @returns The state that follows, or null where the table has no such step. */
export function nextSessionState(state: SessionState, transition: SessionTransition): SessionState | null {
  return SESSION[state][transition] ?? null
}

/** @returns The state that follows, or null where nothing changes. */
export function nextAgentState(state: AgentState, transition: AgentTransition): AgentState | null {
  return AGENT[state][transition] ?? null
}
