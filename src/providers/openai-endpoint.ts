import type { OpenAIRealtimeOptions } from './openai-options.ts'
import type { Credential, Endpoint } from './provider.ts'

/** @returns Where to connect: to a model, a call or transcription, exactly one of them. */
export function openAIEndpoint(options: OpenAIRealtimeOptions, credential: Credential | null): Endpoint {
  const { url, kind, callId, model = 'gpt-realtime-2.1', organization, project } = options
  const address = new URL(url ?? 'wss://api.openai.com/v1/realtime')
  const { searchParams } = address
  if (callId) searchParams.set('call_id', callId)
  else if (kind === 'transcription') searchParams.set('intent', kind)
  else if (!searchParams.has('model')) searchParams.set('model', model)
  const protocols = ['realtime']
  if (credential) protocols.push(`openai-insecure-api-key.${credential.value}`)
  if (organization) protocols.push(`openai-organization.${organization}`)
  if (project) protocols.push(`openai-project.${project}`)
  return { url: address.href, protocols }
}
