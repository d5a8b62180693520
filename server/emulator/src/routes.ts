import type { IncomingMessage } from 'node:http'
import type { EmulatorConnection, Protocol } from './connection.ts'
import { fluxConfig } from './deepgram-flux-query.ts'
import { DeepgramFluxSession } from './deepgram-flux-session.ts'
import {
  DEEPGRAM_AGENT_PATH,
  DEEPGRAM_FLUX_PATH,
  DEEPGRAM_LISTEN_PATH,
  refuseDeepgram,
  refuseDeepgramStream,
  selectDeepgramSubprotocol,
} from './deepgram-handshake.ts'
import { listenConfig } from './deepgram-listen-query.ts'
import { DeepgramListenSession } from './deepgram-listen-session.ts'
import { DeepgramSession } from './deepgram-session.ts'
import type { Refusal } from './handshake.ts'
import { OPENAI_PATH, openOpenAI, refuseOpenAI, selectOpenAISubprotocol } from './openai-handshake.ts'
import type { Services } from './services.ts'

/** What every provider's sessions have in common. */
export interface Session {
  onText(text: string): void
  onBinary(bytes: Uint8Array): void
  onClose(): void
  goAway(): void
}

/** How one path is served. */
export interface Route {
  readonly protocol: Protocol
  /** What stops the upgrade; `null` for nothing. */
  refuse(request: IncomingMessage, services: Services): Refusal | null
  /** The subprotocol that is answered; `false` for none. */
  select(offered: ReadonlySet<string>): string | false
  /** Starts the session; `null` where the client was told why not, and the connection closed. */
  open(connection: EmulatorConnection, request: IncomingMessage, services: Services): Session | null
}

const ROUTES: Readonly<Record<string, Route>> = {
  [OPENAI_PATH]: {
    protocol: 'openai-realtime',
    refuse: refuseOpenAI,
    select: selectOpenAISubprotocol,
    open: openOpenAI,
  },
  [DEEPGRAM_AGENT_PATH]: {
    protocol: 'deepgram-agent',
    refuse: (request, { credentials }) => refuseDeepgram(request, credentials),
    select: selectDeepgramSubprotocol,
    open: (connection, _request, services) => new DeepgramSession(connection, services),
  },
  [DEEPGRAM_LISTEN_PATH]: {
    protocol: 'deepgram-listen',
    refuse: (request, { credentials }) => refuseDeepgramStream(request, { credentials, read: listenConfig }),
    select: selectDeepgramSubprotocol,
    open: (connection, _request, services) =>
      new DeepgramListenSession(connection, services, listenConfig(connection.query)),
  },
  [DEEPGRAM_FLUX_PATH]: {
    protocol: 'deepgram-flux',
    refuse: (request, { credentials }) => refuseDeepgramStream(request, { credentials, read: fluxConfig }),
    select: selectDeepgramSubprotocol,
    open: (connection, _request, services) =>
      new DeepgramFluxSession(connection, services, fluxConfig(connection.query)),
  },
}

/** How a path is served; `null` where nothing is. */
export function routeOf(path: string): Route | null {
  return Object.hasOwn(ROUTES, path) ? ROUTES[path]! : null
}
