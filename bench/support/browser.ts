import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright'
import { WebSocketServer } from 'ws'
import { chromiumOptions } from '../../test/support/chromium.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
}

/** The repository's files over HTTP on a free port of this machine, and a WebSocket that a part may answer. */
export interface Site {
  /** `http://127.0.0.1:port`; `/bench/…` and `/dist/…` are the folders of that name. */
  readonly url: string
  /** Every socket that a page opens to this site. */
  readonly sockets: WebSocketServer
  close(): Promise<void>
}

export async function openSite(): Promise<Site> {
  const server = createServer(async ({ url = '/' }, response) => {
    const path = normalize(new URL(url, 'http://localhost').pathname)
    try {
      const body = await readFile(join(ROOT, path))
      response
        .writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' })
        .end(body)
    } catch {
      // A browser asks for what is not there, such as a favicon.
      response.writeHead(404).end()
    }
  })
  const sockets = new WebSocketServer({ server })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Chromium as the tests start it, where sound needs no gesture. */
export function openBrowser({
  speechFile,
  args = [],
}: {
  speechFile?: string
  args?: string[]
} = {}): Promise<Browser> {
  return chromium.launch(
    chromiumOptions({
      ...(speechFile && { speechFile }),
      args: ['--autoplay-policy=no-user-gesture-required', ...args],
    }),
  )
}
