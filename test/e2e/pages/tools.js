const agent = document.querySelector('voice-agent')
const { provider, input } = Object.fromEntries(new URLSearchParams(location.search))
agent.provider = provider
agent.sessionOptions = { input }

document.querySelector('voice-tool').addEventListener('toolcall', (event) => {
  const { color } = event.detail.input
  document.body.dataset.color = color
  event.respondWith(Promise.resolve(`painted ${color}`))
})

const calls = []
agent.addEventListener('toolcall', ({ detail: { name, status } }) => calls.push(`${name} ${status}`))

globalThis.page = {
  calls,
  add(name) {
    const tool = document.createElement('voice-tool')
    Object.assign(tool, { name, description: 'Tells the time' })
    tool.addEventListener('toolcall', (event) => event.respondWith('noon'))
    agent.append(tool)
  },
  say: (text) => agent.session.sendText(text),
  said: () => agent.session?.transcript.map(({ text }) => text) ?? [],
}
