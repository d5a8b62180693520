import { Component, CUSTOM_ELEMENTS_SCHEMA, model, signal } from '@angular/core'
import { type AgentState, defineTool, type SessionState, type TranscriptEntry } from 'voicewire'
import type { VoiceAgentEventMap } from 'voicewire/elements'

@Component({
  selector: 'app-talk-panel',
  // Angular then lets elements through that it does not know.
  schemas: [CUSTOM_ELEMENTS_SCHEMA],
  templateUrl: './talk-panel.html',
})
export class TalkPanel {
  readonly color = model.required<string>()

  protected readonly state = signal<SessionState>('closed')
  protected readonly agentState = signal<AgentState>('idle')
  protected readonly entries = signal<readonly TranscriptEntry[]>([])

  readonly #setColor = defineTool({
    name: 'set_color',
    description: 'Paints this page in a color',
    parameters: {
      type: 'object',
      properties: { color: { type: 'string', description: 'A CSS color, such as teal' } },
      required: ['color'],
    },
    handler: (input) => {
      const wanted = String(input['color'])
      if (!CSS.supports('color', wanted)) return `${wanted} is no CSS color`
      this.color.set(wanted)
      return `The page is ${wanted} now`
    },
  })
  protected readonly sessionOptions = { tools: [this.#setColor] }

  protected onStateChange({ detail }: VoiceAgentEventMap['statechange']): void {
    this.state.set(detail.state)
  }

  protected onAgentStateChange({ detail }: VoiceAgentEventMap['agentstatechange']): void {
    this.agentState.set(detail.state)
  }

  protected onTranscript({ detail }: VoiceAgentEventMap['transcript']): void {
    this.entries.set(detail.entries)
  }
}
