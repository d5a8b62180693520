import { expect } from 'chai'
import type { AgentState, SessionState } from '../../src/index.ts'
import {
  type AgentTransition,
  nextAgentState,
  nextSessionState,
  type SessionTransition,
} from '../../src/session/state.ts'

const SESSION_STATES: SessionState[] = ['closed', 'connecting', 'open', 'reconnecting', 'closing']
const SESSION_TRANSITIONS: SessionTransition[] = ['start', 'ready', 'lost', 'stop', 'closed']
const AGENT_STATES: AgentState[] = ['idle', 'listening', 'thinking', 'speaking']
const AGENT_TRANSITIONS: AgentTransition[] = [
  'ready',
  'speech-start',
  'speech-end',
  'thinking',
  'audio',
  'done',
  'silent',
  'reset',
]

/** Every step that exists; all others must change nothing. */
const SESSION_STEPS = [
  'closed start connecting',
  'connecting ready open',
  'connecting stop closing',
  'open lost reconnecting',
  'open stop closing',
  'reconnecting ready open',
  'reconnecting stop closing',
  'closing closed closed',
]
const AGENT_STEPS = [
  'idle ready listening',
  'listening speech-end thinking',
  'listening thinking thinking',
  'listening audio speaking',
  'listening reset idle',
  'thinking speech-start listening',
  'thinking audio speaking',
  'thinking done listening',
  'thinking reset idle',
  'speaking silent listening',
  'speaking reset idle',
]

function walk<S extends string, T extends string>(
  states: readonly S[],
  transitions: readonly T[],
  next: (state: S, transition: T) => S | null,
): string[] {
  return states.flatMap((state) =>
    transitions.flatMap((transition) => {
      const to = next(state, transition)
      return to === null ? [] : [`${state} ${transition} ${to}`]
    }),
  )
}

describe('state', () => {
  it('nextSessionState() has these steps and no other', () => {
    expect(walk(SESSION_STATES, SESSION_TRANSITIONS, nextSessionState)).to.have.members(SESSION_STEPS)
  })

  it('nextAgentState() has these steps and no other', () => {
    expect(walk(AGENT_STATES, AGENT_TRANSITIONS, nextAgentState)).to.have.members(AGENT_STEPS)
  })
})
