import { randomBytes } from 'node:crypto'
import type { Profile } from './settings.ts'

export interface EnvironmentOptions {
  /** Where the scripted provider will listen. */
  readonly upstreamPort: number
  /** Where the relay is to listen; default 8080. */
  readonly port?: number
}

/**
 * The environment with which a relay must be started for a profile, with keys and secrets that are new each time
 * and open nothing anywhere.
 */
export function environmentFor(
  profile: Profile,
  { upstreamPort, port = 8080 }: EnvironmentOptions,
): Readonly<Record<string, string>> {
  const upstream = `ws://127.0.0.1:${upstreamPort}`
  const secret = () => randomBytes(24).toString('hex')
  const minimal = {
    HOST: '127.0.0.1',
    PORT: String(port),
    OPENAI_API_KEY: `sk-conformance-${secret()}`,
    DEEPGRAM_API_KEY: `conformance-${secret()}`,
    OPENAI_API_URL: upstream,
    DEEPGRAM_API_URL: upstream,
    DEEPGRAM_AGENT_URL: upstream,
    ALLOWED_ORIGINS: 'http://localhost:3000,https://app.example',
    TICKET_SECRET: secret(),
  }
  if (profile === 'minimal') return minimal
  return {
    ...minimal,
    METRICS_TOKEN: secret(),
    // Each client of the suite has an address of its own, as a proxy would say it.
    TRUST_PROXY: '1',
    MAX_CONNECTIONS: '90',
    MAX_CONNECTIONS_PER_IP: '5',
    MAX_CONNECTIONS_PER_USER: '3',
    VOICE_AGENT_RATE_LIMIT: '12',
    HEARTBEAT_INTERVAL: '2000',
    INACTIVITY_TIMEOUT: '18000',
    MAX_SESSION_SECONDS: '30',
    DRAIN_SECONDS: '2',
    VOICE_AGENT_TOKEN_DURATION: '2000',
    // The suite sends faster than anybody speaks.
    MAX_BYTES_PER_SECOND: '0',
  }
}
