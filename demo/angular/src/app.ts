import { Component, signal } from '@angular/core'
import { TalkPanel } from './talk-panel'

@Component({
  selector: 'app-root',
  imports: [TalkPanel],
  template: `
    <div class="app" [style.--color]="color()">
      <header>
        <h1>Voicewire in Angular</h1>
        <p>Talk to it, and ask it to set the color to teal. <a href="../">Back to one tag</a></p>
      </header>
      @if (shown()) {
        <app-talk-panel [(color)]="color" />
      }
      <button type="button" (click)="shown.set(!shown())">
        {{ shown() ? 'Remove the agent' : 'Bring it back' }}
      </button>
    </div>
  `,
})
export class App {
  protected readonly shown = signal(true)
  protected readonly color = signal('royalblue')
}
