import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit'
import type { VoiceError } from '../src/index.ts'
import type { DeviceKind } from './internal/conversation.ts'
import { CustomState } from './internal/custom-state.ts'
import { define } from './internal/define.ts'
import { chevron } from './internal/icons.ts'
import { SessionElement } from './internal/session-element.ts'
import { base } from './internal/styles.ts'

/** Chromium's names for what the first option stands for already. */
const SYSTEM: ReadonlySet<string> = new Set(['', 'default', 'communications'])

/** What Chromium adds to the name of a USB device. */
const USB_ID = / \([\da-f]{4}:[\da-f]{4}\)$/

/**
 * Chooses the microphone, or what the agent is played through; for the next start where no session is open. It
 * lists devices once the browser tells their names: when the microphone is allowed. Nothing is kept for the next
 * page.
 *
 * Where the browser lets no page choose the output, `kind="output"` shows nothing and has `:state(unsupported)`.
 *
 * @attr kind - `input` (default) or `output`.
 * @csspart device - All of it.
 * @csspart label - Its name.
 * @csspart select - The native select.
 * @csspart icon - The arrow in it.
 * @csspart problem - Why a device could not be used.
 */
export class VoiceDeviceSelect extends SessionElement {
  static override shadowRootOptions: ShadowRootInit = {
    ...SessionElement.shadowRootOptions,
    delegatesFocus: true,
  }

  static override properties: PropertyDeclarations = {
    kind: { reflect: true, useDefault: true },
    devices: { state: true },
    wanted: { state: true },
    problem: { state: true },
  }

  static override styles = [
    base,
    css`
      :host(:state(unsupported)) {
        display: none;
      }
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
        border: 1px solid color-mix(in srgb, var(--border), var(--text) 50%);
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
        stroke: var(--secondary);
        stroke-width: 2;
        stroke-linecap: round;
        stroke-linejoin: round;
        pointer-events: none;
      }
      p {
        margin: 0.375em 0 0;
        color: var(--danger);
        overflow-wrap: anywhere;
      }
    `,
  ]

  declare kind: DeviceKind
  declare private devices: readonly MediaDeviceInfo[]
  /** What is being changed to. */
  declare private wanted: string | null
  declare private problem: VoiceError | null
  readonly #unsupported = new CustomState(this, 'unsupported')
  #connected = new AbortController()
  /** What the list was made under. */
  #known = ''

  constructor() {
    super()
    this.kind = 'input'
    this.devices = []
    this.wanted = null
    this.problem = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#connected = new AbortController()
    const { signal } = this.#connected
    // Missing in a page without HTTPS.
    const source = navigator.mediaDevices as MediaDevices | undefined
    source?.addEventListener('devicechange', this.#list, { signal })
    void this.#watchPermission(signal)
    void this.#list()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#connected.abort()
  }

  protected override render(): TemplateResult | typeof nothing {
    const { conversation, words, problem } = this
    if (!this.#supported) return nothing
    return html`<div class="root" part="device">
      <label>
        <span part="label">${words[this.kind]}</span>
        <select
          part="select"
          aria-busy=${this.wanted !== null}
          ?disabled=${!(conversation && this.#listed.length)}
          @change=${this.#choose}
        >
          <option value="">${words.systemDevice}</option>
          ${this.#listed.map(
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

  protected override updated(): void {
    this.#unsupported.toggle(!this.#supported)
    const select = this.renderRoot.querySelector('select')
    if (select) {
      select.value = this.wanted ?? this.conversation?.device(this.kind) ?? ''
      if (select.selectedIndex < 0) select.value = ''
    }
    // A browser may tell the names from the moment in which the microphone is heard.
    const known = `${this.session?.state} ${this.session?.inputStream?.id}`
    if (known === this.#known) return
    this.#known = known
    void this.#list()
  }

  get #supported(): boolean {
    return this.kind !== 'output' || 'setSinkId' in AudioContext.prototype
  }

  get #listed(): MediaDeviceInfo[] {
    return this.devices.filter(
      ({ kind, label, deviceId }) => kind === `audio${this.kind}` && label && !SYSTEM.has(deviceId),
    )
  }

  #list = async (): Promise<void> => {
    try {
      this.devices = await navigator.mediaDevices.enumerateDevices()
    } catch {
      // A page that may know nothing of devices has the system's own choice.
      this.devices = []
    }
  }

  async #watchPermission(signal: AbortSignal): Promise<void> {
    try {
      const permission = await navigator.permissions.query({ name: 'microphone' })
      if (!signal.aborted) permission.addEventListener('change', this.#list, { signal })
    } catch {
      // Not a permission that this browser tells: the list follows the session.
    }
  }

  async #choose({ target }: Event): Promise<void> {
    const { conversation, kind } = this
    const { value } = target as HTMLSelectElement
    this.wanted = value
    this.problem = null
    try {
      await conversation?.setDevice(kind, value)
    } catch (error) {
      // An earlier choice does not matter any more.
      if (this.wanted === value && error instanceof Error && 'hint' in error)
        this.problem = error as VoiceError
    }
    if (this.wanted === value) this.wanted = null
  }
}

define('voice-device-select', VoiceDeviceSelect)

declare global {
  interface HTMLElementTagNameMap {
    'voice-device-select': VoiceDeviceSelect
  }
}
