import type { Socket } from 'node:net'
import { type HttpHead, headerOf, parseHead } from './http-head.ts'
import { Peer } from './peer.ts'
import { Violation, within } from './violation.ts'

/** The relay's answer to a handshake. */
export interface Answer {
  readonly status: number
  readonly head: HttpHead
  readonly header: (name: string) => string | null
  /** The body of a refusal, as far as it came. */
  readonly body: string
  /** The WebSocket, where it was accepted. */
  readonly client: Peer | null
}

/** Reads the answer to a handshake; that of a refusal to its end. */
export async function readAnswer(socket: Socket, ms: number): Promise<Answer> {
  const answered = Promise.withResolvers<Answer>()
  let bytes: Buffer = Buffer.alloc(0)
  const read = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    const head = parseHead(bytes)
    if (head === null) return
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head.start)?.[1] ?? 0)
    if (status === 101 || isWhole(head)) finish(head, status)
  }
  const end = () => {
    const head = parseHead(bytes)
    if (head !== null) finish(head, Number(/^HTTP\/1\.[01] (\d{3})/.exec(head.start)?.[1] ?? 0))
    else answered.reject(new Violation('the connection ended without an answer'))
  }
  const finish = (head: HttpHead, status: number) => {
    socket.off('data', read)
    socket.off('close', end)
    socket.off('end', end)
    const header = (name: string) => headerOf(head, name)
    const client = status === 101 ? new Peer(socket, { client: true, head: head.rest }) : null
    answered.resolve({ status, head, header, body: client === null ? head.rest.toString() : '', client })
  }
  socket.on('data', read)
  socket.on('close', end)
  socket.on('end', end)
  if (socket.destroyed) end()
  return within(ms, answered.promise, 'an answer to the handshake')
}

function isWhole(head: HttpHead): boolean {
  const length = headerOf(head, 'content-length')
  if (length !== null) return head.rest.length >= Number(length)
  return headerOf(head, 'transfer-encoding') !== null && head.rest.includes('0\r\n\r\n')
}

/** The code in the body of a refusal; '' where there is none. */
export function codeOf(body: string): string {
  const json = parseObject(body.includes('{') ? body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1) : '')
  const error = json?.['error'] as { code?: unknown } | undefined
  return typeof error?.code === 'string' ? error.code : ''
}

/** @returns null where the text is no JSON object. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null // it is no JSON, which is for the rule to say
  }
}
