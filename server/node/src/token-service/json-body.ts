import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { Refusal } from '../codes.ts'

/** Enough for every field of a request for tokens with room to spare. */
const MOST_BODY_BYTES = 4096

/**
 * A field of 1 to `most` characters. Not `z.string().min(1)`: that also compares the `length` of what is no text, and
 * a stranger's object can have one whose comparison throws.
 */
export function textField(most: number): z.ZodType<string> {
  return z.custom<string>((value) => typeof value === 'string' && value !== '' && value.length <= most)
}

/**
 * Reads a request's JSON body; no body counts as `{}`.
 *
 * @param mostBytes Default 4 KiB.
 * @throws {Refusal} 400, 413 or 415; the message names the field, and quotes nothing.
 */
export async function readJsonBody<T>(
  request: IncomingMessage,
  schema: z.ZodType<T>,
  mostBytes = MOST_BODY_BYTES,
): Promise<T> {
  const result = schema.safeParse(await readBody(request, mostBytes))
  if (result.success) return result.data
  const field = result.error.issues[0]?.path.join('.') || 'body'
  throw new Refusal(400, 'bad_request', `The field "${field}" is not what it must be`)
}

async function readBody(request: IncomingMessage, mostBytes: number): Promise<unknown> {
  // A body parser that was mounted before has left nothing in the stream.
  if (request.readableEnded && 'body' in request) return request.body ?? {}
  const text = await readText(request, mostBytes)
  if (text === '') return {}
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new Refusal(415, 'unsupported_media_type', 'The body must be application/json')
  }
  return parseJson(text)
}

async function readText(request: IncomingMessage, mostBytes: number): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  // Not destroyed when it is left early: the answer goes out on the same socket.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > mostBytes) throw new Refusal(413, 'body_too_big', `The body is over ${mostBytes} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(400, 'bad_request', 'The body is not JSON') // the parser's message would quote the body
  }
}
