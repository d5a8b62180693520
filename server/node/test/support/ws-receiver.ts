import { createRequire } from 'node:module'

/** The receiver of `ws`, which its types do not name. */
interface Receiver {
  on(event: string, listener: (...parameters: never[]) => void): void
  write(chunk: Buffer): void
}
type ReceiverConstructor = new (options: object) => Receiver
const { Receiver: WsReceiver } = createRequire(import.meta.url)('ws') as { Receiver: ReceiverConstructor }

export interface JudgeOptions {
  readonly masked: boolean
  readonly maxMessageBytes: number
  readonly maxFragments: number
}

/** What `ws` makes of a stretch of bytes: its messages and, apart, its controls and violations, each in order. */
export async function judgeByWs(
  chunks: readonly Buffer[],
  { masked, maxMessageBytes, maxFragments }: JudgeOptions,
): Promise<{ messages: string[]; controls: string[] }> {
  const messages: string[] = []
  const controls: string[] = []
  const receiver = new WsReceiver({
    isServer: masked,
    maxPayload: maxMessageBytes,
    maxFragments,
    skipUTF8Validation: false,
  })
  receiver.on('message', (data: Buffer, binary: boolean) =>
    messages.push(`${binary} ${data.toString('hex')}`),
  )
  receiver.on('ping', (data: Buffer) => controls.push(`ping ${data.toString('hex')}`))
  receiver.on('pong', () => controls.push('pong'))
  receiver.on('conclude', (code: number, reason: Buffer) => controls.push(`close ${code} ${reason}`))
  receiver.on('error', (error: Error & { [key: symbol]: unknown }) => {
    const status = Object.getOwnPropertySymbols(error).map((symbol) => error[symbol])[0]
    controls.push(`violation ${status}`)
  })
  for (const chunk of chunks) receiver.write(Buffer.from(chunk)) // it unmasks in place
  await new Promise((resolve) => setImmediate(resolve)) // it tells of errors one turn later
  return { messages, controls }
}
