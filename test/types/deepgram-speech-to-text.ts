/** Compiled, never run: what must and what must not type-check. */
import {
  type CommandOf,
  DeepgramFlux,
  type DeepgramFluxUpdate,
  DeepgramListen,
  type DeepgramListenDetail,
  type DetailOf,
  defineTool,
  type OwnCommandOf,
  type Provider,
  type UpdateOf,
  VoiceSession,
} from '../../src/index.ts'

new VoiceSession({ provider: new DeepgramListen(), apiKey: 'k' })
new VoiceSession({ provider: new DeepgramFlux(), getToken: async () => 't' })
const providers: Provider[] = [new DeepgramListen(), new DeepgramFlux()]
void providers

new DeepgramListen({ utteranceEndMs: false, endpointing: false, query: { anything: ['a', 'b'] } })
// @ts-expect-error It is heard as linear16, but named as everywhere here
new DeepgramListen({ encoding: 'linear16' })
// @ts-expect-error An unknown option is a typing mistake
new DeepgramListen({ keyterm: ['a'] })
// @ts-expect-error Several words are a list
new DeepgramListen({ keyterms: 'a' })
// @ts-expect-error There is no such diarizer
new DeepgramListen({ diarize: 'v0' })
// @ts-expect-error There is no such region
new DeepgramListen({ region: 'us' })
// @ts-expect-error True is no length
new DeepgramListen({ utteranceEndMs: true })
// @ts-expect-error There are no thresholds in Nova
new DeepgramListen({ eotThreshold: 0.7 })

new DeepgramFlux({ model: 'flux-general-multi', languageHints: ['en', 'es'] })
// @ts-expect-error Hints are for several languages
new DeepgramFlux({ languageHints: ['en'] })
// @ts-expect-error Hints are for several languages
new DeepgramFlux({ model: 'flux-general-en', languageHints: ['en'] })
// @ts-expect-error That is another service
new DeepgramFlux({ model: 'nova-3' })
// @ts-expect-error Flux leaves out numbers alone
new DeepgramFlux({ redact: ['pci'] })
// @ts-expect-error Results of Flux are always interim ones
new DeepgramFlux({ interimResults: true })

const update: UpdateOf<DeepgramFlux> = {
  eotThreshold: 0.8,
  keyterms: ['Voicewire'],
} satisfies DeepgramFluxUpdate
void update
// @ts-expect-error There is no model to instruct
const instructions: UpdateOf<DeepgramFlux> = { instructions: 'Be brief' }
void instructions
const flux = new VoiceSession({ provider: new DeepgramFlux(), getToken: async () => 't' })
void flux.update({ numerals: true })
// @ts-expect-error There is no model to use them
void flux.update({ tools: [defineTool({ name: 'look', description: 'Looks', handler: () => '' })] })
const command: CommandOf<DeepgramFlux> = { type: 'update', id: 1, config: { numerals: true } }
void command
// @ts-expect-error It asks for nothing that others cannot be asked for
const own: OwnCommandOf<DeepgramFlux> = { type: 'update', id: 1, config: {} }
void own

export function read(detail: DetailOf<DeepgramListen> | DetailOf<DeepgramFlux>): unknown {
  switch (detail.name) {
    case 'speech-started':
      return detail.atMs
    case 'utterance-end':
      return detail.lastWordEndMs
    case 'languages':
      return detail.languages.join()
    case 'entities':
      return detail.entities[0]?.rawValue
    case 'metadata':
      return detail.requestId
    case 'eager-end-of-turn':
    case 'turn-resumed':
      return detail.confidence
    case 'end-of-turn':
      return detail.trigger === 'manual'
    default:
      return detail satisfies never
  }
}

// @ts-expect-error Times are in ms
export const wrong = (detail: Extract<DeepgramListenDetail, { name: 'metadata' }>) => detail.duration
