import { connect } from 'node:net'
import { DeepgramClient } from '@deepgram/sdk'
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime'
import OpenAI from 'openai'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'
import { loudness, speechChunks } from './audio.ts'
import { Waiter } from './waiter.ts'

/** Where a conversation is held, and with what. */
export interface Place {
  /** The base URL, such as `http://127.0.0.1:8787`: an emulator's or a relay's. */
  readonly url: string
  /** The key, or a relay's ticket. */
  readonly apiKey: string
}

/** What came of a conversation. */
export interface Outcome {
  /** The transcript of what the user said. */
  readonly userTranscript: string
  /** What the agent answered to speech. */
  readonly agentTranscript: string
  /** Milliseconds of sound in that answer. */
  readonly agentMs: number
  /** Root mean square of it, 0…1. */
  readonly agentLoudness: number
  /** How the answer that was interrupted ended. */
  readonly interruption: string
  /** What the tool was called with, parsed. */
  readonly toolArguments: unknown
  /** What the agent said after the tool had answered. */
  readonly toolAnswer: string
  /** Errors the client reported. */
  readonly errors: readonly string[]
}

/** What the agent may call. */
export const TOOL = {
  name: 'get_weather',
  description: 'Tells the weather in a city.',
  parameters: {
    type: 'object' as const,
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false as const,
  },
}
/** Has it called, for Oslo. */
export const TOOL_QUESTION = 'Please get weather in Oslo'
/** What it answers. */
export const TOOL_OUTPUT = 'sunny and 21 degrees'
/** Has an answer that lasts long enough to be interrupted. */
export const LONG_QUESTION =
  'Tell me again, word by word, about the harbour, the hills, the long winter and the first day of spring.'
/** Of what agents say. */
export const PCM_BYTES_PER_MS = 48

type ServerEvent = Parameters<Parameters<OpenAIRealtimeWS['on']>[1]>[0] & Record<string, never>

/** A spoken conversation through the `openai` package: speech, a tool call, an interruption, the close. */
export async function openaiConversation({ url, apiKey }: Place): Promise<Outcome> {
  const client = new OpenAI({ apiKey, baseURL: `${url}/v1` })
  const plain = new URL(url).protocol === 'http:'
  // The client always asks for wss:. Where the place has no certificate, only the TLS below it is left out.
  const options = plain ? { createConnection: connectTo(url) } : {}
  const socket = new OpenAIRealtimeWS({ model: 'gpt-realtime-2.1', options }, client)
  const events = new Waiter<ServerEvent>()
  const errors: string[] = []
  socket.on('event', (event) => events.add(event as unknown as ServerEvent))
  socket.on('error', (error) => errors.push(error.message))
  socket.socket.on('close', () => events.fail(new Error(`closed: ${errors.join('; ')}`)))
  const next = (type: string, after = 0) => events.first((event) => event['type'] === type, after)

  await next('session.created')
  socket.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      instructions: 'Be brief.',
      audio: { input: { transcription: { model: 'gpt-4o-mini-transcribe' } }, output: { voice: 'cedar' } },
      tools: [{ type: 'function', ...TOOL }],
    },
  })
  await next('session.updated')

  for (const chunk of speechChunks()) {
    socket.send({ type: 'input_audio_buffer.append', audio: Buffer.from(chunk).toString('base64') })
  }
  const heard = await next('conversation.item.input_audio_transcription.completed')
  const spoken = await next('response.output_audio_transcript.done')
  await next('response.done')
  const audio = Buffer.concat(
    events.entries
      .filter((event) => event['type'] === 'response.output_audio.delta')
      .map((event) => Buffer.from(event['delta'] as string, 'base64')),
  )

  const ask = (text: string) => {
    const content = [{ type: 'input_text' as const, text }]
    socket.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } })
    socket.send({ type: 'response.create' })
    return events.entries.length
  }
  const beforeTool = ask(TOOL_QUESTION)
  const call = await next('response.function_call_arguments.done', beforeTool)
  await next('response.done', beforeTool)
  const beforeAnswer = events.entries.length
  socket.send({
    type: 'conversation.item.create',
    item: { type: 'function_call_output', call_id: call['call_id'], output: TOOL_OUTPUT },
  })
  socket.send({ type: 'response.create' })
  const told = await next('response.output_audio_transcript.done', beforeAnswer)
  await next('response.done', beforeAnswer)

  const beforeLong = ask(LONG_QUESTION)
  const delta = await next('response.output_audio.delta', beforeLong)
  for (const chunk of speechChunks()) {
    socket.send({ type: 'input_audio_buffer.append', audio: Buffer.from(chunk).toString('base64') })
  }
  await next('input_audio_buffer.speech_started', beforeLong)
  const cut = await next('response.done', beforeLong)
  socket.send({
    type: 'conversation.item.truncate',
    item_id: delta['item_id'],
    content_index: 0,
    audio_end_ms: 100,
  })
  await next('conversation.item.truncated', beforeLong)
  const { status, status_details: details } = cut['response'] as {
    status: string
    status_details: { reason: string } | null
  }
  const closed = new Promise((resolve) => socket.socket.once('close', resolve))
  socket.close()
  await closed
  return {
    userTranscript: heard['transcript'],
    agentTranscript: spoken['transcript'],
    agentMs: audio.length / PCM_BYTES_PER_MS,
    agentLoudness: loudness(audio),
    interruption: `${status}: ${details?.reason}`,
    toolArguments: JSON.parse(call['arguments']),
    toolAnswer: told['transcript'],
    errors,
  }
}

/** The same through OpenAI's agents SDK, which runs the tool and cuts off its answers by itself. */
export async function agentsConversation({ url, apiKey }: Place): Promise<Outcome> {
  const errors: string[] = []
  let toolArguments: unknown
  const agent = new RealtimeAgent({
    name: 'Weather',
    instructions: 'Be brief.',
    tools: [
      tool({
        ...TOOL,
        parameters: { ...TOOL.parameters },
        strict: true,
        execute: (input) => {
          toolArguments = input
          return TOOL_OUTPUT
        },
      }),
    ],
  })
  const transport = new OpenAIRealtimeWebSocket({
    url: `${url.replace(/^http/, 'ws')}/v1/realtime?model=gpt-realtime-2.1`,
  })
  const session = new RealtimeSession(agent, { transport, tracingDisabled: true })
  const events = new Waiter<Record<string, unknown>>()
  const audio: Buffer[] = []
  session.on('transport_event', (event) => events.add(event as Record<string, unknown>))
  session.on('audio', ({ data }) => audio.push(Buffer.from(data)))
  session.on('audio_interrupted', () => events.add({ type: 'audio_interrupted' }))
  session.on('error', ({ error }) => errors.push(JSON.stringify(error)))
  const next = (type: string, after = 0) => events.first((event) => event['type'] === type, after)

  await session.connect({ apiKey })
  await next('session.updated')
  for (const chunk of speechChunks()) session.sendAudio(chunk.buffer)
  const heard = await next('conversation.item.input_audio_transcription.completed')
  const spoken = await next('response.output_audio_transcript.done')
  await next('response.done')
  const answer = Buffer.concat(audio)

  const beforeTool = events.entries.length
  session.sendMessage(TOOL_QUESTION)
  const told = await next('response.output_audio_transcript.done', beforeTool)
  await events.first(
    (event) => isDone(event) && String(transcriptOf(event)).includes(TOOL_OUTPUT),
    beforeTool,
  )

  const beforeLong = events.entries.length
  session.sendMessage(LONG_QUESTION)
  await next('response.output_audio.delta', beforeLong)
  for (const chunk of speechChunks()) session.sendAudio(chunk.buffer)
  await next('audio_interrupted', beforeLong)
  const cut = await next('response.done', beforeLong)
  await next('conversation.item.truncated', beforeLong)
  const { status, status_details: details } = cut['response'] as {
    status: string
    status_details: { reason: string } | null
  }
  const closed = new Promise<void>((resolve) => {
    transport.on('disconnected', () => resolve())
  })
  session.close()
  await closed
  return {
    userTranscript: String(heard['transcript']),
    agentTranscript: String(spoken['transcript']),
    agentMs: answer.length / PCM_BYTES_PER_MS,
    agentLoudness: loudness(answer),
    interruption: `${status}: ${details?.reason}`,
    toolArguments,
    toolAnswer: String(told['transcript']),
    errors,
  }
}

/** The same through Deepgram's SDK. */
export async function deepgramConversation({ url, apiKey }: Place): Promise<Outcome> {
  const base = url.replace(/^http/, 'ws')
  const environment = { base: url, production: base, agent: base, agentRest: url }
  const client = new DeepgramClient({ apiKey, environment })
  const socket = await client.agent.v1.createConnection({ reconnectAttempts: 0 })
  const events = new Waiter<Record<string, unknown>>()
  const errors: string[] = []
  socket.on('message', (message) => {
    events.add(message instanceof Blob ? { type: 'audio', blob: message } : (message as never))
  })
  socket.on('error', (error) => errors.push(error.message))
  socket.on('close', () => events.fail(new Error(`closed: ${errors.join('; ')}`)))
  const next = (type: string, after = 0) => events.first((event) => event['type'] === type, after)
  const texts = (role: string, after = 0, before?: number) =>
    events.entries
      .slice(after, before)
      .filter((event) => event['type'] === 'ConversationText' && event['role'] === role)
      .map((event) => String(event['content']))
      .join(' ')

  socket.connect()
  await socket.waitForOpen()
  await next('Welcome')
  socket.sendSettings({
    type: 'Settings',
    audio: {
      input: { encoding: 'linear16', sample_rate: 24000 },
      output: { encoding: 'linear16', sample_rate: 24000, container: 'none' },
    },
    agent: {
      listen: { provider: { type: 'deepgram', version: 'v1', model: 'nova-3' } },
      think: {
        provider: { type: 'open_ai', model: 'gpt-4o-mini' },
        prompt: 'Be brief.',
        functions: [TOOL],
      },
      speak: { provider: { type: 'deepgram', model: 'aura-2-thalia-en' } },
    },
  })
  await next('SettingsApplied')

  for (const chunk of speechChunks()) socket.sendMedia(chunk)
  await next('AgentAudioDone')
  const blobs = events.entries.filter((event) => event['type'] === 'audio')
  const audio = Buffer.concat(
    await Promise.all(blobs.map(async ({ blob }) => Buffer.from(await (blob as Blob).arrayBuffer()))),
  )
  const afterSpeech = events.entries.length

  socket.sendInjectUserMessage({ type: 'InjectUserMessage', content: TOOL_QUESTION })
  const request = await next('FunctionCallRequest', afterSpeech)
  const [call] = request['functions'] as { id: string; name: string; arguments: string }[]
  const { id, name } = call!
  socket.sendFunctionCallResponse({ type: 'FunctionCallResponse', id, name, content: TOOL_OUTPUT })
  await next('AgentAudioDone', afterSpeech)
  const afterTool = events.entries.length

  socket.sendInjectUserMessage({ type: 'InjectUserMessage', content: LONG_QUESTION })
  await next('audio', afterTool)
  for (const chunk of speechChunks()) socket.sendMedia(chunk)
  await next('UserStartedSpeaking', afterTool)
  const interrupted = events.entries.findLastIndex((event) => event['type'] === 'UserStartedSpeaking')
  const finished = events.entries.slice(afterTool, interrupted).some(({ type }) => type === 'AgentAudioDone')
  await next('AgentAudioDone', interrupted)
  socket.close()
  return {
    userTranscript: texts('user', 0, afterSpeech),
    agentTranscript: texts('assistant', 0, afterSpeech),
    agentMs: audio.length / PCM_BYTES_PER_MS,
    agentLoudness: loudness(audio),
    interruption: finished ? 'completed' : 'cancelled: turn_detected',
    toolArguments: JSON.parse(call!.arguments),
    toolAnswer: texts('assistant', afterSpeech, afterTool),
    errors,
  }
}

function connectTo(url: string): typeof connect {
  const { hostname, port } = new URL(url)
  return (() => connect({ host: hostname, port: Number(port) })) as typeof connect
}

function isDone(event: Record<string, unknown>): boolean {
  return event['type'] === 'response.done'
}

function transcriptOf(event: Record<string, unknown>): unknown {
  const { output } = event['response'] as { output: { content?: { transcript?: string }[] }[] }
  return output[0]?.content?.[0]?.transcript
}
