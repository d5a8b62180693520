// Runs before the elements are defined, so the choice is there when the agent reads its attributes.
const provider = new URLSearchParams(location.search).get('provider') ?? 'openai-realtime'

for (const link of document.querySelectorAll('nav a')) {
  if (link.search !== `?provider=${provider}`) link.removeAttribute('aria-current')
  else link.setAttribute('aria-current', 'true')
}
document.querySelector('voice-agent')?.setAttribute('provider', provider)
