import {
  type Capabilities,
  type Command,
  type Provider,
  type ProviderEvent,
  type SessionContext,
  VoiceSession,
  type VoiceSessionOptions,
  type WireData,
} from '../../src/index.ts'
import { ScriptedSocket } from './scripted-socket.ts'

/** What only this provider tells, and what only it can be asked. */
export interface ScriptedDetail {
  readonly name: 'weather'
  readonly degrees: number
}
export interface ScriptedCommand {
  readonly type: 'fly'
  readonly height: number
}

const ALL: Capabilities = {
  speech: true,
  text: true,
  images: true,
  say: true,
  tools: true,
  update: true,
  endTurn: true,
  history: true,
  words: true,
}

/** A provider whose wire is the seam itself: the server says events as JSON, and is sent commands as JSON. */
export class ScriptedProvider implements Provider {
  readonly name = 'scripted'
  readonly inputFormat: Provider['inputFormat']
  readonly outputFormat: Provider['outputFormat']
  readonly capabilities: Capabilities
  readonly keepAlive?: NonNullable<Provider['keepAlive']>
  readonly whileMuted?: NonNullable<Provider['whileMuted']>
  readonly #silentOn: ReadonlySet<string>

  /** @param options.silentOn Commands that it has no word for. */
  constructor({
    capabilities = {},
    silentOn = ['close', 'interrupt'],
    inputFormat = { encoding: 'pcm16', sampleRate: 16_000 },
    outputFormat = { encoding: 'pcm16', sampleRate: 24_000 },
    keepAlive,
    whileMuted,
  }: {
    capabilities?: Partial<Capabilities>
    silentOn?: readonly string[]
  } & Partial<Pick<Provider, 'inputFormat' | 'outputFormat' | 'keepAlive' | 'whileMuted'>> = {}) {
    this.inputFormat = inputFormat
    this.outputFormat = outputFormat
    this.capabilities = { ...ALL, ...capabilities }
    this.#silentOn = new Set(silentOn)
    if (keepAlive) this.keepAlive = keepAlive
    if (whileMuted) this.whileMuted = whileMuted
  }

  endpoint(): { url: string; protocols: readonly string[] } {
    return { url: 'wss://scripted.test/', protocols: [] }
  }

  *open(context: SessionContext): Iterable<ProviderEvent> {
    yield { type: 'reply', data: JSON.stringify({ type: 'open', ...context }) }
  }

  *decode(data: string | ArrayBuffer): Iterable<ProviderEvent<ScriptedDetail>> {
    if (typeof data === 'string') yield JSON.parse(data)
    else yield { type: 'audio', itemId: 'a1', data: new Uint8Array(data) }
  }

  *encode(command: Command | ScriptedCommand): Iterable<WireData> {
    if (!this.#silentOn.has(command.type)) yield JSON.stringify(command)
  }

  encodeAudio(samples: Int16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)
  }
}

/** Accepts, and is ready. */
export function ready(socket: ScriptedSocket): ScriptedSocket {
  return socket.accept().say({ type: 'ready' })
}

const sessions: VoiceSession<ScriptedProvider>[] = []

/** @returns A session whose provider and server are the test, in text unless an option says more. */
export function createScripted({
  provider = new ScriptedProvider(),
  ...options
}: Partial<VoiceSessionOptions<ScriptedProvider>> = {}): VoiceSession<ScriptedProvider> {
  const session = new VoiceSession({
    provider,
    getToken: () => 'token',
    WebSocket: ScriptedSocket.asWebSocket,
    reconnect: { initialMs: 1, maxMs: 1 },
    input: 'none',
    ...options,
  } as VoiceSessionOptions<ScriptedProvider>)
  sessions.push(session)
  return session
}

/** Starts a session; @returns it, and the socket over which it is ready. */
export async function startScripted(options: Partial<VoiceSessionOptions<ScriptedProvider>> = {}) {
  const session = createScripted(options)
  const dialled = ScriptedSocket.next()
  const starting = session.start()
  const socket = ready(await dialled)
  await starting
  return { session, socket }
}

/** Stops every session made since the last call. */
export async function stopScripted(): Promise<void> {
  await Promise.all(sessions.splice(0).map((session) => session.stop()))
}
