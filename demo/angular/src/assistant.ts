import { Component, CUSTOM_ELEMENTS_SCHEMA, type ElementRef, signal, viewChild } from '@angular/core'
import type { SessionOptions, SessionState } from 'voicewire'
import 'voicewire/elements'
import type { VoiceAgent, VoiceAgentEventMap } from 'voicewire/elements'

@Component({
  selector: 'app-assistant',
  schemas: [CUSTOM_ELEMENTS_SCHEMA],
  template: `
    <voice-agent
      #agent
      proxy-endpoint="/v1/realtime"
      [attr.voice]="voice()"
      [sessionOptions]="options"
      (statechange)="state.set($event.detail.state)"
      (transcript)="show($event)"
    ></voice-agent>
    <button type="button" (click)="agent.stop()">End ({{ state() }})</button>
  `,
})
export class Assistant {
  readonly agent = viewChild.required<ElementRef<VoiceAgent>>('agent')
  readonly voice = signal('marin')
  readonly state = signal<SessionState>('closed')
  readonly options: Partial<SessionOptions> = { idleTimeoutMs: 60_000 }

  show({ detail }: VoiceAgentEventMap['transcript']): void {
    console.log(detail.entry.text)
  }
}
