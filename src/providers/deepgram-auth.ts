import type { Credential } from './provider.ts'

/** Where Deepgram can be told to process sound: the European Union, Australia or India. */
export type DeepgramRegion = 'eu' | 'au' | 'in'

/** @returns The subprotocols that show a credential: a key and a short-lived token have schemes of their own. */
export function deepgramProtocols(credential: Credential | null): readonly string[] {
  return credential ? [credential.type === 'api-key' ? 'token' : 'bearer', credential.value] : []
}

/** @returns The origin of Deepgram's API in a region, or of its choice. */
export function deepgramOrigin(region?: DeepgramRegion): string {
  return `wss://api.${region ? `${region}.` : ''}deepgram.com`
}
