import type {
  DeviceChange,
  TurnEvent,
  VoiceError,
  VoiceEventMap,
  VoiceEventName,
  VoiceSession,
} from '../../src/index.ts'

type Facts = Readonly<Record<string, unknown>>

/** Something that a session told. */
export interface LoggedEvent {
  /** In ms since the epoch. */
  readonly at: number
  readonly name: string
  readonly facts: Facts
  /** What was said, or given to and by tools. */
  readonly text: Facts
}

/** How many messages of a kind passed, and how long they were. */
export interface MessageCount {
  readonly count: number
  /** Bytes of sound, characters of text. */
  readonly size: number
}

/** More than a glance takes in, and little to keep. */
const MAX_EVENTS = 200
const MAX_TURNS = 20

/** Where a message says its type: at its beginning, as all providers write it. */
const TYPE = /"type"\s*:\s*"([\w.-]{1,64})"/

type Description<K extends VoiceEventName> = (payload: VoiceEventMap[K]) => readonly [Facts, Facts?]

/** What is kept of each event: fields that are named here, and no others. Messages are counted instead. */
const DESCRIPTIONS: { readonly [K in Exclude<VoiceEventName, 'message'>]: Description<K> } = {
  statechange: (change) => [pick(change, 'state', 'previous')],
  agentstatechange: (change) => [pick(change, 'state', 'previous')],
  transcript: ({ entry }) => [
    { ...pick(entry, 'role', 'final', 'interrupted'), length: entry.text.length },
    pick(entry, 'text'),
  ],
  interrupt: (interrupt) => [pick(interrupt, 'heardMs', 'receivedMs')],
  turn: (turn) => [{ ...turn }],
  toolcall: (call) => [pick(call, 'name', 'status'), pick(call, 'input', 'output')],
  usage: ({ usage }) => [{ ...usage }],
  detail: (detail) => [pick(detail, 'name')],
  speechchange: (change) => [pick(change, 'speaking')],
  devicechange: (devices) => [devicesOf(devices)],
  warning: (warning) => [pick(warning, 'code', 'message', 'hint')],
  error: (error) => [errorOf(error)],
}

/** The last of what a session told. It listens as long as it is not closed, and does nothing else. */
export class SessionLog {
  readonly session: VoiceSession
  readonly #unbind: readonly (() => void)[]
  readonly #messages = new Map<string, MessageCount>()
  #events: readonly LoggedEvent[] = []
  #turns: readonly TurnEvent[] = []

  constructor(session: VoiceSession) {
    this.session = session
    const names = Object.keys(DESCRIPTIONS) as (keyof typeof DESCRIPTIONS)[]
    this.#unbind = [
      ...names.map((name) => this.#bind(name)),
      session.on('message', ({ direction, data }) => this.#passed(direction, data)),
      session.on('turn', (turn) => {
        this.#turns = [...this.#turns, turn].slice(-MAX_TURNS)
      }),
    ]
  }

  /** Oldest first. */
  get events(): readonly LoggedEvent[] {
    return this.#events
  }

  /** Oldest first. */
  get turns(): readonly TurnEvent[] {
    return this.#turns
  }

  /** By direction and type. */
  get messages(): ReadonlyMap<string, MessageCount> {
    return this.#messages
  }

  close(): void {
    for (const unbind of this.#unbind) unbind()
  }

  #bind<K extends keyof typeof DESCRIPTIONS>(name: K): () => void {
    return this.session.on(name, (payload) => {
      const [facts, text = {}] = (DESCRIPTIONS[name] as Description<K>)(payload)
      this.#add(name, facts, text)
    })
  }

  /** A transcript changes with each word: of those in a row the first is kept, and the final one. */
  #add(name: string, facts: Facts, text: Facts): void {
    const { role, final } = facts
    const last = this.#events.at(-1)?.facts ?? {}
    if (final === false && last['final'] === false && last['role'] === role) return
    this.#events = [...this.#events, { at: Date.now(), name, facts, text }].slice(-MAX_EVENTS)
  }

  /** Nothing is parsed, as there are fifty a second and more. */
  #passed(direction: 'in' | 'out', data: VoiceEventMap['message']['data']): void {
    const type = typeof data === 'string' ? (TYPE.exec(data.slice(0, 256))?.[1] ?? 'text') : 'sound'
    const key = `${direction} ${type}`
    const { count = 0, size = 0 } = this.#messages.get(key) ?? {}
    const length = typeof data === 'string' ? data.length : data.byteLength
    this.#messages.set(key, { count: count + 1, size: size + length })
  }
}

/** @returns What was granted of the devices, without what identifies them. */
export function devicesOf({ input, output }: DeviceChange): Facts {
  const { deviceId: _, ...granted } = input ?? { label: '' }
  return { input: input && granted, output: output ? 'chosen' : 'default' }
}

/** @returns What a failure says of itself, without its cause. */
export function errorOf(error: Error): Facts {
  return pick(error as VoiceError, 'name', 'code', 'phase', 'message', 'hint', 'retryable', 'closeCode')
}

/** @returns What is named of something, and nothing else. */
export function pick<T extends object>(from: T, ...names: (keyof T & string)[]): Facts {
  return Object.fromEntries(names.map((name) => [name, from[name]]))
}
