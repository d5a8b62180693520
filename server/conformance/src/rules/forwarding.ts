import { randomBytes } from 'node:crypto'
import type { Rule } from '../rule.ts'
import { demand, demandEqual } from '../violation.ts'
import { OPCODE } from '../wire.ts'
import { demandData, demandNext, demandWorks } from './sessions.ts'

const TEXT = '{"type":"session.update","text":"Grüße, 世界 🌍","n":1.10}'

/** Messages both ways: their type, bytes and order (R-MSG). */
export const forwarding: readonly Rule[] = [
  {
    id: 'forwarding/text-up',
    title: "The client's text reaches the provider as text, byte by byte",
    proves: ['R-MSG-1', 'R-POLICY-1'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      client.send(TEXT)
      await demandNext(provider, TEXT, 'at the provider')
    },
  },
  {
    id: 'forwarding/text-down',
    title: "The provider's text reaches the client as text, byte by byte",
    proves: ['R-MSG-1', 'R-POLICY-1'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      provider.send(TEXT)
      await demandNext(client, TEXT, 'at the client')
    },
  },
  {
    id: 'forwarding/binary-up',
    title: "The client's binary messages reach the provider as binary",
    proves: ['R-MSG-1'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      const sound = randomBytes(960)
      client.send(sound)
      await demandNext(provider, sound, 'at the provider')
    },
  },
  {
    id: 'forwarding/binary-down',
    title: "The provider's binary messages reach the client as binary",
    proves: ['R-MSG-1'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      const sound = randomBytes(960)
      provider.send(sound)
      await demandNext(client, sound, 'at the client')
    },
  },
  {
    id: 'forwarding/order',
    title: 'Five hundred mixed messages each way arrive in their order',
    proves: ['R-MSG-1'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      // The shortest text and sound alike are told by other rules: what is asked for here is the order alone.
      for (let index = 0; index < 500; index += 1) {
        client.send(`up ${index}`)
        provider.send(`down ${index}`)
      }
      for (let index = 0; index < 500; index += 1) {
        demandEqual((await provider.next(`message ${index}`)).data.toString(), `up ${index}`, 'up')
        demandEqual((await client.next(`message ${index}`)).data.toString(), `down ${index}`, 'down')
      }
    },
  },
  {
    id: 'forwarding/empty',
    title: 'Empty messages are passed on, too',
    proves: ['R-MSG-1'],
    async judge(trial) {
      const { client, provider } = await trial.session()
      client.send('')
      client.send(Buffer.alloc(0))
      await demandData(provider, '', 'an empty text up')
      await demandData(provider, '', 'an empty binary message up')
      provider.send('')
      await demandData(client, '', 'an empty text down')
    },
  },
  {
    id: 'forwarding/large',
    title: 'A message of a megabyte is passed on whole, both ways',
    proves: ['R-MSG-1'],
    async judge(trial) {
      const { client, provider } = await trial.session()
      const text = randomBytes(750_000).toString('base64')
      client.send(text)
      await demandData(provider, text, 'at the provider')
      provider.send(text)
      await demandData(client, text, 'at the client')
    },
  },
  {
    id: 'forwarding/fragments',
    title: 'A message in fragments, with a ping among them, arrives as one message',
    proves: ['R-MSG-1'],
    async judge(trial) {
      const { client, provider } = await trial.session()
      client.fragment(OPCODE.text, 'one ', { final: false })
      client.ping('between')
      client.fragment(OPCODE.continuation, 'two ', { final: false })
      client.fragment(OPCODE.continuation, 'three')
      await demandData(provider, 'one two three', 'at the provider')
      provider.fragment(OPCODE.text, 'four ', { final: false })
      provider.fragment(OPCODE.continuation, 'five')
      await demandData(client, 'four five', 'at the client')
    },
  },
  {
    id: 'forwarding/one-each',
    title: 'Each client has a provider connection of its own',
    proves: ['R-MSG-1'],
    profile: 'minimal',
    async judge(trial) {
      const one = await trial.session()
      const other = await trial.session()
      one.client.send('for one')
      other.client.send('for the other')
      await demandData(one.provider, 'for one', 'at the first provider')
      await demandData(other.provider, 'for the other', 'at the second provider')
      one.provider.send('from one')
      await demandData(one.client, 'from one', 'at the first client')
      other.provider.send('from the other')
      await demandData(other.client, 'from the other', 'at the second client')
      demandEqual(one.client.waiting + other.client.waiting, 0, 'the number of messages too many')
    },
  },
  {
    id: 'forwarding/masks',
    title: 'What goes to the provider is masked, and what goes to the client is not',
    proves: ['R-MSG-1'],
    async judge(trial) {
      const session = await trial.session()
      await demandWorks(session, 'a session')
      const breaches = [...session.client.breaches, ...session.provider.breaches]
      demand(breaches.length === 0, `the relay sent ${breaches[0]}`)
    },
  },
  {
    id: 'forwarding/pings-answered',
    title: "The relay answers the client's and the provider's pings itself, with their payload",
    proves: ['R-MSG-3'],
    async judge(trial) {
      const { client, provider } = await trial.session()
      for (const [name, peer] of Object.entries({ client, provider })) {
        peer.ping(`from the ${name}`)
        const answered = () => peer.pongs.some((pong) => pong.toString() === `from the ${name}`)
        await peer.until(answered, `a pong for the ${name}`)
      }
    },
  },
  {
    id: 'forwarding/pings-kept',
    title: 'Pings and pongs of one leg do not reach the other',
    proves: ['R-MSG-3'],
    async judge(trial) {
      const session = await trial.session()
      const { client, provider } = session
      client.ping('ping of the client')
      provider.ping('ping of the provider')
      client.fragment(OPCODE.pong, 'pong of the client')
      await demandWorks(session, 'behind the pings') // so whatever they led to is here
      const foreign = (payloads: readonly Buffer[], from: string) =>
        payloads.some((payload) => payload.toString().endsWith(`of the ${from}`))
      demand(!foreign(provider.pings, 'client'), "the client's ping came to the provider")
      demand(!foreign(client.pings, 'provider'), "the provider's ping came to the client")
      demand(!foreign(provider.pongs, 'client'), "the client's pong came to the provider")
    },
  },
]
