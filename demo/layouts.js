// Runs before the elements are defined, so that the agent begins with them: `?layout=floating&placement=top-end&open`,
// or `?consent`.
const query = new URLSearchParams(location.search)
const agent = document.querySelector('voice-agent')
const layout = query.get('layout') ?? 'inline'

for (const [name, value] of query) {
  if (name === 'consent') agent.append(document.querySelector('template').content)
  else agent.setAttribute(name, value)
}
document.body.dataset.layout = layout
document.querySelector(`nav a[href="?layout=${layout}"]`)?.setAttribute('aria-current', 'true')
