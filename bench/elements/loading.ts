import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright'
import { openBrowser } from '../support/browser.ts'
import { bundleSplit, bundleText } from '../support/bundle.ts'
import { median, table } from '../support/report.ts'

const ROUNDS = 11
/** A phone of the middle class, as browsers' own tools have it. */
const SLOWDOWN = 4
/** Longer than any of them works without a network. */
const SETTLE_MS = 1500

interface Contestant {
  readonly name: string
  readonly script: string
  readonly type: 'module' | 'text/javascript'
  readonly markup: string
  /** What the script imports, by the names of the files beside it. */
  readonly files?: ReadonlyMap<string, string>
}

const file = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const MARKUP = '<voice-agent proxy-endpoint="/"></voice-agent>'

async function contestants(picture: string): Promise<Contestant[]> {
  const split = await bundleSplit("import 'voicewire/elements'")
  const trivial = await bundleText(`
    import { html, LitElement } from 'lit'
    customElements.define('one-line', class extends LitElement { render() { return html\`<p>One line</p>\` } })`)
  return [
    { name: 'an empty page', script: '', type: 'module', markup: '' },
    { name: 'what ours looks like, as HTML', script: '', type: 'module', markup: picture },
    { name: 'Lit, one trivial element', script: trivial, type: 'module', markup: '<one-line></one-line>' },
    {
      name: '**ours**, voicewire/elements by a bundler',
      script: split.get('script.js') ?? '',
      type: 'module',
      markup: MARKUP,
      files: split,
    },
    {
      name: '**ours**, dist/voice-agent.js',
      script: file('dist/voice-agent.js'),
      type: 'module',
      markup: MARKUP,
    },
    {
      name: 'ElevenLabs, convai-widget-embed',
      script: file('node_modules/@elevenlabs/convai-widget-embed/dist/index.js'),
      type: 'text/javascript',
      markup: '<elevenlabs-convai agent-id="none"></elevenlabs-convai>',
    },
    {
      name: 'Vapi, client-sdk-react widget',
      script: file('node_modules/@vapi-ai/client-sdk-react/dist/embed/widget.umd.js'),
      type: 'text/javascript',
      markup: '<vapi-widget public-key="none" assistant-id="none"></vapi-widget>',
    },
  ]
}

/** @returns What a `<voice-agent>` has drawn, as HTML that a browser draws without any script. */
async function drawn(browser: Browser): Promise<string> {
  const page = await browser.newPage()
  await page.setContent(MARKUP)
  await page.addScriptTag({ type: 'module', content: file('dist/voice-agent.js') })
  const html = await page.evaluate(async () => {
    await customElements.whenDefined('voice-agent')
    const agent = document.querySelector('voice-agent') as HTMLElement
    const roots: ShadowRoot[] = []
    const visit = async (host: Element): Promise<void> => {
      await (host as Element & { updateComplete?: Promise<unknown> }).updateComplete
      const root = host.shadowRoot
      if (!root) return
      roots.push(root)
      const style = document.createElement('style')
      const rules = root.adoptedStyleSheets.flatMap(({ cssRules }) => [...cssRules])
      style.textContent = rules.map(({ cssText }) => cssText).join('')
      for (const inside of root.querySelectorAll('*')) await visit(inside)
      root.prepend(style)
    }
    await visit(agent)
    return agent.getHTML({ shadowRoots: roots })
  })
  await page.close()
  return `<voice-agent>${html}</voice-agent>`
}

/** @returns What the main thread worked until the page was at rest, in ms: script, style, layout and paint. */
async function load(browser: Browser, url: string): Promise<number> {
  // A context of its own: nothing is compiled or cached by the run before.
  const context = await browser.newContext({ serviceWorkers: 'block' })
  await context.route(
    (address) => address.hostname !== '127.0.0.1',
    (route) => route.abort(),
  )
  const page = await context.newPage()
  const cdp = await context.newCDPSession(page)
  await cdp.send('Performance.enable')
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN })
  await page.goto(url, { waitUntil: 'load' })
  await page.waitForTimeout(SETTLE_MS)
  const { metrics } = await cdp.send('Performance.getMetrics')
  await context.close()
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1000
}

export async function run(): Promise<string> {
  const browser = await openBrowser()
  const all = await contestants(await drawn(browser))
  const server = createServer(({ url = '/' }, response) => {
    const [, index = '', script] = url.split('/')
    const one = all[Number(index)]
    if (!one) return response.writeHead(404).end()
    const body = one.files?.get(script ?? '') ?? one.script
    if (script) return response.writeHead(200, { 'content-type': 'text/javascript' }).end(body)
    const tag = one.script ? `<script type="${one.type}" src="/${index}/script.js"></script>` : ''
    return response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end(`<!doctype html><title>Page</title><link rel="icon" href="data:,"><body>${one.markup}${tag}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const times = all.map((): number[] => [])
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const index of all.keys()) times[index]?.push(await load(browser, `${origin}/${index}`))
    }
  } finally {
    await browser.close()
    server.closeAllConnections()
    server.close()
  }
  const medians = times.map(median)
  const rows = all.map(({ name }, index) => {
    const own = medians[index] ?? Number.NaN
    return [name, own.toFixed(0), index ? (own - (medians[0] ?? 0)).toFixed(0) : '–']
  })
  return `Main thread at ${SLOWDOWN}× CPU throttle from the request to rest, medians of ${ROUNDS}, interleaved, each in a
fresh context. _Task_: all that the thread did (\`TaskDuration\`); _above empty_: without what an empty page takes.
_What ours looks like, as HTML_: the same tree and styles without a script, which is the least that any element can take.
The peers have no network here, so what they would do with their settings once fetched is missing. Measured
with a network, on another machine: Deepgram’s widget 254 ms, Vapi’s 363 ms, ElevenLabs’ 1,264 ms.

${table([['page', 'task, ms', 'above empty, ms'], ...rows])}`
}
