import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { pythonEnvironment } from '../../scripts/python.mjs'
import { loudness, shortSpeech } from './audio.ts'
import {
  LONG_QUESTION,
  type Outcome,
  PCM_BYTES_PER_MS,
  type Place,
  TOOL,
  TOOL_OUTPUT,
  TOOL_QUESTION,
} from './conversations.ts'

const SCRIPT = fileURLToPath(new URL('openai-python/conversation.py', import.meta.url))
const { program, missing } = pythonEnvironment('openai-client')

/** Why there is no client in Python here, and what to do; undefined where there is one. */
export const openaiPythonMissing = missing

/** The same as `openaiConversation()` through the package of the same name in Python, in a process of its own. */
export async function openaiPythonConversation({ url, apiKey }: Place): Promise<Outcome> {
  const said = {
    tool: TOOL,
    tool_question: TOOL_QUESTION,
    tool_output: TOOL_OUTPUT,
    long_question: LONG_QUESTION,
  }
  const base = `${url.replace(/^http/, 'ws')}/v1`
  const child = spawn(program('python'), [SCRIPT, base, JSON.stringify(said)], {
    env: { OPENAI_API_KEY: apiKey },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  child.stdin.on('error', () => {}) // it ended before it had read everything: its exit code says so
  child.stdin.end(shortSpeech())
  const [code, printed, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  if (code !== 0) throw new Error(`The client in Python ended with ${code}: ${errors}`)
  const { agentAudio, ...outcome } = JSON.parse(printed)
  const audio = Buffer.from(agentAudio, 'base64')
  return { ...outcome, agentMs: audio.length / PCM_BYTES_PER_MS, agentLoudness: loudness(audio) }
}
