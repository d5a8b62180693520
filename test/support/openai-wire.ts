import { encodeBase64 } from '../../src/util/base64.ts'
import type { ScriptedSocket } from './scripted-socket.ts'

/** The server's side of an OpenAI Realtime conversation, message by message. */
export const wire = {
  /** Completes the handshake. */
  ready(socket: ScriptedSocket): ScriptedSocket {
    return socket
      .accept()
      .say({ type: 'session.created', event_id: 'e', session: {} })
      .say({
        type: 'session.updated',
        event_id: 'e',
        session: { audio: { input: { turn_detection: { type: 'server_vad', interrupt_response: true } } } },
      })
  },

  /** Begins an answer and sends `ms` of a 440 Hz tone, or of one that comes and goes as syllables do. */
  answer(
    socket: ScriptedSocket,
    { id = 'r1', itemId = 'a1', ms = 1000, voice = false } = {},
  ): ScriptedSocket {
    socket.say({ type: 'response.created', event_id: 'e', response: { id } })
    socket.say({
      type: 'conversation.item.added',
      event_id: 'e',
      previous_item_id: null,
      item: { id: itemId, type: 'message', role: 'assistant', content: [] },
    })
    const place = { event_id: 'e', response_id: id, item_id: itemId, output_index: 0, content_index: 0 }
    socket.say({ type: 'response.output_audio_transcript.delta', ...place, delta: 'A tone' })
    return socket.say({ type: 'response.output_audio.delta', ...place, delta: encodeBase64(tone(ms, voice)) })
  },

  /** Ends the answer. */
  done(socket: ScriptedSocket, { id = 'r1', itemId = 'a1', status = 'completed' } = {}): ScriptedSocket {
    return socket
      .say({ type: 'response.output_audio.done', event_id: 'e', response_id: id, item_id: itemId })
      .say({ type: 'response.done', event_id: 'e', response: { id, status } })
  },

  speechStarted(socket: ScriptedSocket): ScriptedSocket {
    return socket.say({
      type: 'input_audio_buffer.speech_started',
      event_id: 'e',
      item_id: 'u1',
      audio_start_ms: 0,
    })
  },
}

function tone(ms: number, voice: boolean): Uint8Array {
  // Two slow beats that never meet, so that no syllable is as long as the one before.
  const syllable = (i: number) => Math.max(0, Math.sin(i / 1100) * Math.sin(i / 2900))
  const samples = Int16Array.from(
    { length: ms * 24 },
    (_, i) => 8000 * (voice ? syllable(i) : 1) * Math.sin((2 * Math.PI * 440 * i) / 24_000),
  )
  return new Uint8Array(samples.buffer)
}
