/** @jsxImportSource preact */
/** Compiled, never run: the elements in JSX of Preact. */
import { createRef } from 'preact'
import type { GetToken, VoiceSession } from 'voicewire'
import type { VoiceAgent } from 'voicewire/elements'
import 'voicewire/preact'

declare const session: VoiceSession
declare const getToken: GetToken

export function Page() {
  const agent = createRef<VoiceAgent>()
  return (
    <voice-agent
      ref={agent}
      key="agent"
      class="wide"
      style={{ color: 'red' }}
      lang="de"
      provider="openai-realtime"
      proxy-endpoint="/v1/realtime"
      token-transport="query"
      getToken={getToken}
      sessionOptions={{ idleTimeoutMs: 60_000 }}
      volume={0.5}
      muted
      onClick={() => agent.current?.start()}
      onstatechange={({ detail }) => detail.state === 'open'}
      ontranscript={(event) => event.detail.entry.text.toUpperCase()}
      onerror={({ detail }) => detail.message}
    >
      <voice-transcript session={session} part="words" />
      <voice-start-button slot="controls">
        <span slot="start">Talk</span>
      </voice-start-button>
      <p>Preact’s own elements stay as they are</p>
    </voice-agent>
  )
}

// @ts-expect-error There is no such provider
export const provider = <voice-agent provider="openai-realtme" />
// @ts-expect-error There is no such way
export const transport = <voice-agent token-transport="header" />
// @ts-expect-error A property that is a number
export const volume = <voice-agent volume="0.5" />
// @ts-expect-error An event keeps its name
export const listener = <voice-agent onStateChange={() => {}} />
// @ts-expect-error There is no such state
export const detail = <voice-agent onstatechange={({ detail }) => detail.state === 'opened'} />
// @ts-expect-error A session is an object
export const text = <voice-meter session="" />
// @ts-expect-error There is no such element
export const element = <voice-agnt />
