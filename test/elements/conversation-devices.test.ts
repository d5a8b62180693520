import { expect } from 'chai'
import { Conversation } from '../../elements/index.ts'
import { watchResources } from '../support/resources.ts'
import { createScripted, ready, stopScripted } from '../support/scripted-provider.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

afterEach(stopScripted)

describe('Conversation.setDevice()', () => {
  it('takes no microphone for a session that begins in text', async () => {
    const resources = watchResources()
    try {
      const conversation = new Conversation({ createSession: () => createScripted({ input: 'microphone' }) })
      await conversation.setDevice('input', 'default')
      conversation.mode = 'text'
      const dialled = ScriptedSocket.next()
      const started = conversation.start()
      ready(await dialled)
      await started
      expect(resources.tracks).to.deep.equal([])
    } finally {
      resources.restore()
    }
  })
})
