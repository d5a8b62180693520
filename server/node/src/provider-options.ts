export interface OpenAIOptions {
  readonly apiKey: string
  /** `wss:` or `ws:`, with or without the API's own path; default `wss://api.openai.com`. */
  readonly url?: string
}

export interface DeepgramOptions {
  readonly apiKey: string
  /** For speech to text; default `wss://api.deepgram.com`. */
  readonly url?: string
  /** For the Voice Agent; default `wss://agent.deepgram.com`. */
  readonly agentUrl?: string
}
