import { useMemo, useState } from 'react'
import { type AgentState, defineTool, type SessionState, type TranscriptEntry } from 'voicewire'

interface TalkPanelProps {
  readonly color: string
  readonly onColorChange: (color: string) => void
}

export function TalkPanel({ color, onColorChange }: TalkPanelProps) {
  const [state, setState] = useState<SessionState>('closed')
  const [agentState, setAgentState] = useState<AgentState>('idle')
  const [entries, setEntries] = useState<readonly TranscriptEntry[]>([])

  const sessionOptions = useMemo(() => ({ tools: [setColorTool(onColorChange)] }), [onColorChange])

  return (
    <main className="talk">
      <voice-agent
        provider="openai-realtime"
        proxy-endpoint="/"
        token-endpoint="/api/voice-agent/token"
        instructions="You are a friendly guide to this page, and can paint it. Answer in one or two short sentences."
        greeting="Hello! Which color shall this page have?"
        sessionOptions={sessionOptions}
        onstatechange={(event) => setState(event.detail.state)}
        onagentstatechange={(event) => setAgentState(event.detail.state)}
        ontranscript={(event) => setEntries(event.detail.entries)}
      />
      <aside>
        <h2>What React knows</h2>
        <dl>
          <dt>Session</dt>
          <dd>{state}</dd>
          <dt>Agent</dt>
          <dd>{agentState}</dd>
          <dt>Entries</dt>
          <dd>{entries.length}</dd>
          <dt>Color</dt>
          <dd>{color}</dd>
        </dl>
        <ol>
          {entries.map(({ id, role, text }) => (
            <li key={id}>
              {role}: {text || '…'}
            </li>
          ))}
        </ol>
      </aside>
    </main>
  )
}

function setColorTool(setColor: (color: string) => void) {
  return defineTool({
    name: 'set_color',
    description: 'Paints this page in a color',
    parameters: {
      type: 'object',
      properties: { color: { type: 'string', description: 'A CSS color, such as teal' } },
      required: ['color'],
    },
    handler(input) {
      const wanted = String(input['color'])
      if (!CSS.supports('color', wanted)) return `${wanted} is no CSS color`
      setColor(wanted)
      return `The page is ${wanted} now`
    },
  })
}
