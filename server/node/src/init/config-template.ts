/** The configuration file that `init` writes: everything in it is an example. */
export const STARTER = `// What the relay does beyond what .env says; the environment wins where both speak.
// All fields are those of RelayOptions, and host, port, drainSeconds and logLevel.

/** @type {import('voicewire-relay').FileOptions} */
export default {
  // Who sends a request, by your own cookie or token. Without this, pages get tickets in development only.
  // authenticate: async (request) => {
  //   const user = await findUserByCookie(request.headers.cookie)
  //   return user && { user: user.id, maxSeconds: 600 }
  // },

  // What the model may have this server do, by POST /function-call. The arguments are the model's: check them.
  // functions: {
  //   get_time: () => ({ time: new Date().toISOString() }),
  // },

  // What pages may make of the agent: here nothing but the format of its sound.
  // policy: {
  //   '/v1/realtime': { model: 'gpt-realtime', session: { instructions: '…', audio: { output: { voice: 'marin' } } } },
  // },

  // What the agent may do here, hidden from pages.
  // tools: [
  //   {
  //     name: 'get_time',
  //     description: 'Tells the time',
  //     run: () => ({ time: new Date().toISOString() }),
  //   },
  // ],

  // Tokens with which pages reach a provider without the relay.
  // tokens: {
  //   direct: { openai: { session: { type: 'realtime', model: 'gpt-realtime', instructions: '…' } } },
  // },
}
`
