import { css, html, nothing, type TemplateResult } from 'lit'
import type { VoiceError } from '../../src/index.ts'
import type { DeviceKind } from './conversation.ts'
import { CustomState } from './custom-state.ts'
import { chevron } from './icons.ts'
import type { Body, Inside } from './lazy-element.ts'
import type { SessionElement } from './session-element.ts'
import { pictures } from './styles.ts'

/** Chromium's names for what the first option stands for already. */
const SYSTEM: ReadonlySet<string> = new Set(['', 'default', 'communications'])

/** What Chromium adds to the name of a USB device. */
const USB_ID = / \([\da-f]{4}:[\da-f]{4}\)$/

const styles = css`
  ${pictures}
  label {
    position: relative;
    display: grid;
    gap: 0.25em;
  }
  span,
  p {
    color: var(--secondary);
    font-size: 0.875em;
  }
  select {
    box-sizing: border-box;
    inline-size: 100%;
    min-block-size: 2.75em;
    padding-block: 0;
    padding-inline: 0.875em 2.5em;
    border: 1px solid var(--field-border);
    border-radius: 0.75em;
    appearance: none;
    background: var(--surface);
    color: inherit;
    cursor: pointer;
    font: inherit;
    text-overflow: ellipsis;
  }
  select:disabled {
    border-color: var(--border);
    color: var(--secondary);
    cursor: default;
    opacity: 1;
  }
  svg {
    position: absolute;
    inset-block-end: 0.875em;
    inset-inline-end: 0.875em;
    inline-size: 1em;
    block-size: 1em;
    color: var(--secondary);
    pointer-events: none;
  }
  p {
    margin: 0.375em 0 0;
    color: var(--danger);
    overflow-wrap: anywhere;
  }
`

interface DeviceHost extends SessionElement {
  readonly kind: DeviceKind
}

/** A list of devices that keeps up with the machine's, and what becomes of a choice. */
class DeviceChoice implements Body {
  static readonly styles = styles
  readonly #host: DeviceHost
  readonly #inside: Inside
  readonly #unsupported: CustomState
  #connected = new AbortController()
  #devices: readonly MediaDeviceInfo[] = []
  /** What is being changed to. */
  #wanted: string | null = null
  #problem: VoiceError | null = null
  /** What the list was made under. */
  #known = ''

  constructor(host: DeviceHost, inside: Inside) {
    this.#host = host
    this.#inside = inside
    this.#unsupported = new CustomState(host, 'unsupported')
  }

  hostConnected(): void {
    this.#connected = new AbortController()
    const { signal } = this.#connected
    // Missing in a page without HTTPS.
    const source = navigator.mediaDevices as MediaDevices | undefined
    source?.addEventListener('devicechange', this.#list, { signal })
    void this.#watchPermission(signal)
    void this.#list()
  }

  hostDisconnected(): void {
    this.#connected.abort()
  }

  render(): TemplateResult | typeof nothing {
    const { conversation, words } = this.#inside
    const problem = this.#problem
    const listed = this.#listed
    if (!this.#supported) return nothing
    return html`<div class="root" part="device">
      <label>
        <span part="label">${words[this.#host.kind]}</span>
        <select
          part="select"
          aria-busy=${this.#wanted !== null}
          ?disabled=${!(conversation && listed.length)}
          @change=${this.#choose}
        >
          <option value="">${words.systemDevice}</option>
          ${listed.map(
            ({ deviceId, label }) => html`<option value=${deviceId}>${label.replace(USB_ID, '')}</option>`,
          )}
        </select>
        ${chevron}
      </label>
      ${
        problem
          ? html`<p part="problem" role="alert">${words.errors[problem.code] ?? problem.message}. ${problem.hint}</p>`
          : nothing
      }
    </div>`
  }

  hostUpdated(): void {
    this.#unsupported.toggle(!this.#supported)
    const select = this.#host.renderRoot.querySelector('select')
    if (select) {
      select.value = this.#wanted ?? this.#inside.conversation?.device(this.#host.kind) ?? ''
      if (select.selectedIndex < 0) select.value = ''
    }
    // A browser may tell the names from the moment in which the microphone is heard.
    const known = `${this.#host.session?.state} ${this.#host.session?.inputStream?.id}`
    if (known === this.#known) return
    this.#known = known
    void this.#list()
  }

  get #supported(): boolean {
    return this.#host.kind !== 'output' || 'setSinkId' in AudioContext.prototype
  }

  get #listed(): MediaDeviceInfo[] {
    return this.#devices.filter(
      ({ kind, label, deviceId }) => kind === `audio${this.#host.kind}` && label && !SYSTEM.has(deviceId),
    )
  }

  #list = async (): Promise<void> => {
    try {
      this.#devices = await navigator.mediaDevices.enumerateDevices()
    } catch {
      // A page that may know nothing of devices has the system's own choice.
      this.#devices = []
    }
    this.#host.requestUpdate()
  }

  async #watchPermission(signal: AbortSignal): Promise<void> {
    try {
      const permission = await navigator.permissions.query({ name: 'microphone' })
      if (!signal.aborted) permission.addEventListener('change', this.#list, { signal })
    } catch {
      // Not a permission that this browser tells: the list follows the session.
    }
  }

  #choose = async ({ target }: Event): Promise<void> => {
    const { value } = target as HTMLSelectElement
    this.#wanted = value
    this.#problem = null
    this.#host.requestUpdate()
    let problem: unknown
    try {
      await this.#inside.conversation?.setDevice(this.#host.kind, value)
    } catch (error) {
      problem = error
    }
    // Another choice was made meanwhile.
    if (this.#wanted !== value) return
    this.#wanted = null
    if (problem instanceof Error && 'hint' in problem) this.#problem = problem as VoiceError
    this.#host.requestUpdate()
  }
}

export { DeviceChoice as Body }
