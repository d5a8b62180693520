import { css } from 'lit'

/**
 * What every element starts from. Page rules can reach a host, never the `.root` inside, so that is where
 * inherited properties end; direction and visibility go on, as they should, and so does a decoration of an element
 * around the host, which CSS draws through all text in it. What a page is meant to change goes through the custom
 * properties that `<voice-agent>` lists. Light or dark follows the `color-scheme` where the element stands.
 */
export const base = css`
  :host {
    display: block;
    /* Neither ends at the root inside: a decoration is drawn through it, and a vertical host gives it no width. */
    text-decoration: none !important;
    writing-mode: horizontal-tb !important;
  }
  :host([hidden]) {
    display: none !important;
  }
  .root {
    all: initial;
    color-scheme: inherit;
    visibility: inherit;
    --accent: var(--voicewire-accent, light-dark(#3654d9, #a5b8ff));
    --on-accent: var(--voicewire-on-accent, light-dark(#fff, #10162f));
    --surface: var(--voicewire-surface, light-dark(#fff, #191b22));
    --text: var(--voicewire-text, light-dark(#1a1c23, #eceef4));
    --secondary: var(--voicewire-secondary-text, light-dark(#5a6072, #a3a9ba));
    --border: var(--voicewire-border, light-dark(#e6e8ef, #2e313c));
    --danger: var(--voicewire-danger, light-dark(#b3261e, #ffb4ab));
    --success: var(--voicewire-success, light-dark(#1a7f4b, #6fdba3));
    --accent-hover: color-mix(in oklab, var(--accent), var(--text) 14%);
    --quiet-hover: color-mix(in srgb, var(--text), transparent 94%);
    --field-border: color-mix(in srgb, var(--border), var(--text) 50%);
    position: relative;
    display: block;
    box-sizing: border-box;
    color: var(--text);
    font: var(--voicewire-font-size, medium) / 1.5 var(--voicewire-font, system-ui, sans-serif);
    -webkit-font-smoothing: antialiased;
  }
  button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--on-accent);
  }
  button.primary:enabled:hover {
    background: var(--accent-hover);
  }
  .unseen {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  /* What something is on its way shows itself by. */
  @keyframes pulse {
    50% {
      opacity: 0.4;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation: none !important;
      transition: none !important;
    }
  }
`

/** How pictures in buttons are drawn. */
export const pictures = css`
  svg {
    display: block;
    flex: none;
    inline-size: 1.25em;
    block-size: 1.25em;
    stroke: currentColor;
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
`

/** What the buttons have in common, on top of {@link base}. */
export const button = css`
  ${pictures}
  :host {
    display: inline-block;
  }
  .root {
    /* Not inline: it would stand in a line of the page's font, which may be higher than the button. */
    display: flex;
    align-items: center;
    justify-content: center;
    gap: 0.5em;
    inline-size: 100%;
    min-block-size: 2.875em;
    padding: 0.25em 1em;
    border: 1px solid transparent;
    border-radius: 999px;
    cursor: pointer;
    font-weight: 600;
    line-height: 1.25;
    text-align: center;
    text-wrap: balance;
    user-select: none;
    -webkit-tap-highlight-color: transparent;
    transition: background-color 0.15s, color 0.15s, border-color 0.15s;
  }
  .root:disabled {
    cursor: default;
    opacity: 0.55;
  }
`

/** A button with a picture alone, on top of {@link button}. */
export const quietButton = css`
  .root {
    min-inline-size: 2.875em;
    padding: 0 0.75em;
    border-color: var(--border);
  }
  .root:enabled:hover {
    background: var(--quiet-hover);
  }
`
