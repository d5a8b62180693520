import { css } from 'lit'
import { pictures } from './styles.ts'

/** How the layouts of a `<voice-agent>` look, on top of `base`. */
export const agentStyles = css`
  :host([layout='panel']) {
    block-size: 100%;
  }
  .card,
  .line {
    /* Not on the host: children that a page fixes to its window would be fixed to the host. */
    contain: layout style;
    border: 1px solid var(--border);
    border-radius: var(--voicewire-radius, 20px);
    background: var(--surface);
    box-shadow: 0 1px 2px rgb(0 0 0 / 4%), 0 12px 32px -12px rgb(0 0 0 / 16%);
  }
  .card {
    display: flex;
    flex-direction: column;
    gap: 1em;
    max-inline-size: var(--voicewire-max-inline-size, 23em);
    padding: 1.25em;
  }
  .controls {
    display: flex;
    align-items: end;
    gap: 0.625em;
  }
  voice-start-button,
  voice-talk-button,
  voice-text-input {
    flex: 1;
    min-inline-size: 0;
  }
  voice-start-button[compact] {
    flex: none;
  }
  .problem {
    margin: 0;
    padding: 0.75em 1em;
    border: 1px solid color-mix(in srgb, var(--danger), transparent 60%);
    border-radius: 0.75em;
    color: var(--text);
    font-size: 0.875em;
    overflow-wrap: anywhere;
  }
  .gate {
    display: flex;
    flex-direction: column;
    gap: 1.25em;
  }
  .question {
    overflow-wrap: anywhere;
  }
  button {
    all: unset;
    box-sizing: border-box;
    cursor: pointer;
    -webkit-tap-highlight-color: transparent;
  }
  ${pictures}
  .text-button {
    flex: 1;
    min-block-size: 2.875em;
    padding: 0.5em 1.25em;
    border: 1px solid var(--border);
    border-radius: 999px;
    font-weight: 600;
    text-align: center;
  }
  .icon-button {
    flex: none;
    padding: 0.5em;
    border-radius: 50%;
    color: var(--secondary);
  }
  .icon-button:hover {
    background: var(--quiet-hover);
    color: var(--text);
  }

  .panel.root {
    box-sizing: border-box;
    block-size: 100%;
    max-inline-size: none;
    border-radius: var(--voicewire-radius, 0);
    box-shadow: none;
  }
  .panel voice-transcript {
    flex: 1;
    min-block-size: 0;
  }
  .panel voice-transcript::part(transcript) {
    box-sizing: border-box;
    block-size: 100%;
    max-block-size: none;
  }
  .panel voice-orb {
    inline-size: 4.5em;
    margin: 0 auto;
    transition: inline-size 0.3s;
  }
  .empty voice-orb {
    inline-size: 8.5em;
    margin-block: auto 0;
  }
  .empty:not(:has(.text)) voice-transcript {
    flex: none;
    margin-block-end: auto;
  }
  .panel .gate {
    margin-block: auto;
  }

  .floating {
    --gap: max(1.25em, env(safe-area-inset-bottom));
  }
  .launcher {
    position: fixed;
    z-index: var(--voicewire-z-index, 999);
    inset-block: auto var(--gap);
    inset-inline: auto var(--gap);
    display: grid;
    place-items: center;
    min-inline-size: 3.75em;
    min-block-size: 3.75em;
    border-radius: 999px;
    transition: background-color 0.15s, color 0.15s, border-color 0.15s;
  }
  .icon {
    font-size: 1.25em;
  }
  .dialog {
    position: fixed;
    inset-block: auto calc(var(--gap) + 4.5em);
    inset-inline: auto var(--gap);
    box-sizing: border-box;
    inline-size: min(var(--voicewire-max-inline-size, 24em), 100vw - 2 * var(--gap));
    max-inline-size: none;
    block-size: min(38em, 100dvh - 2 * var(--gap) - 4.5em);
    margin: 0;
    color: inherit;
    font: inherit;
  }
  .dialog:not(:popover-open) {
    display: none;
  }
  .gate:focus-visible,
  .dialog:focus-visible {
    outline: none;
  }
  .dialog:popover-open {
    animation: appear 0.18s;
  }
  @keyframes appear {
    from {
      opacity: 0;
      translate: 0 0.75em;
    }
  }
  .header {
    display: flex;
    align-items: center;
    gap: 0.5em;
    margin-block: -0.25em;
  }
  .header voice-status {
    flex: 1;
    min-inline-size: 0;
  }
  .header .icon-button {
    margin-inline-end: -0.5em;
  }
  :host([placement$='start']) .launcher,
  :host([placement$='start']) .dialog {
    inset-inline: var(--gap) auto;
  }
  :host([placement^='top']) .launcher {
    inset-block: var(--gap) auto;
  }
  :host([placement^='top']) .dialog {
    inset-block: calc(var(--gap) + 4.5em) auto;
  }
  @media (min-width: 30.001em) {
    .header .icon-button {
      display: none; /* the launcher is there */
    }
  }
  @media (max-width: 30em) {
    .dialog {
      inset: 0 !important;
      inline-size: 100%;
      block-size: 100%;
      border: 0;
      border-radius: 0;
    }
  }

  .bar {
    position: fixed;
    z-index: var(--voicewire-z-index, 999);
    inset-block-end: max(1em, env(safe-area-inset-bottom));
    inset-inline: 1em;
    max-inline-size: var(--voicewire-max-inline-size, 44em);
    margin-inline: auto;
  }
  :host([placement^='top']) .bar {
    inset-block: max(1em, env(safe-area-inset-top)) auto;
  }
  .line {
    display: flex;
    align-items: center;
    gap: 0.75em;
    padding: 0.625em 0.75em 0.625em 1.25em;
  }
  .dialog,
  .launcher,
  .line {
    box-shadow: 0 2px 8px rgb(0 0 0 / 6%), 0 20px 56px -14px rgb(0 0 0 / 34%);
  }
  .line voice-status {
    flex: none;
    max-inline-size: 50%;
  }
  .line voice-meter {
    flex: 1;
    min-inline-size: 0;
    overflow: hidden;
  }
  .line .text {
    flex: 1;
  }
  .line voice-start-button {
    flex: none;
  }
  .sheet {
    position: absolute;
    inset-block-end: calc(100% + 0.5em);
    inset-inline: 0;
    max-inline-size: none;
    padding: 0.75em 1.25em 1.25em;
  }
  :host([placement^='top']) .sheet {
    inset-block: calc(100% + 0.5em) auto;
  }
  .sheet[hidden] {
    display: none;
  }
  .chevron:not([aria-expanded='true']) svg {
    rotate: 180deg;
  }
  @media (max-width: 40em) {
    .line {
      flex-wrap: wrap;
      padding-inline: 1em;
    }
    .line voice-status {
      flex: 1;
      max-inline-size: none;
    }
    .line voice-meter {
      display: none;
    }
    .line .controls {
      flex: 1 0 100%;
    }
    .line voice-start-button:not([compact]) {
      flex: 1;
    }
  }

  .orb {
    display: flex;
    flex-direction: column;
    align-items: center;
    gap: 1em;
  }
  .orb voice-transcript,
  .orb .text {
    align-self: stretch;
  }
  .orb .voice voice-start-button,
  .orb .voice voice-talk-button {
    min-inline-size: 10em;
  }
  @media (forced-colors: active) {
    .launcher,
    .text-button {
      border: 1px solid ButtonBorder;
    }
  }
`
