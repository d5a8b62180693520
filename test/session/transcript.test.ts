import { expect } from 'chai'
import { Transcript } from '../../src/session/transcript.ts'

const user = (id: string, more: object = {}) =>
  ({ type: 'transcript', id, role: 'user', final: false, ...more }) as const
const agent = (id: string, more: object = {}) =>
  ({ type: 'transcript', id, role: 'assistant', final: false, ...more }) as const
const heard = (itemId: string, heardMs = 1000) => ({ itemId, heardMs, receivedMs: 1000 })
const texts = (transcript: Transcript) => transcript.entries.map(({ text }) => text)

describe('Transcript', () => {
  it('update() opens an entry, appends deltas, and closes it with the whole text', () => {
    const transcript = new Transcript(() => 42)
    transcript.update(agent('a', { delta: 'Hel' }))
    transcript.update(agent('a', { delta: 'lo' }))
    expect(transcript.entries[0]).to.deep.include({ text: 'Hello', final: false, startedAt: 42 })
    transcript.update(agent('a', { text: 'Hello!', final: true }))
    expect(transcript.entries[0]).to.deep.include({ text: 'Hello!', final: true })
  })

  it('update() puts words that arrive late where they were spoken', () => {
    const transcript = new Transcript()
    transcript.update(user('u1', { text: '', afterId: null }))
    transcript.update(agent('a1', { delta: 'Fine', afterId: 'u1' }))
    transcript.update(user('u1', { text: 'How are you?', final: true }))
    expect(texts(transcript)).to.deep.equal(['How are you?', 'Fine'])
  })

  it('update() inserts an entry that is announced late after its predecessor', () => {
    const transcript = new Transcript()
    transcript.update(user('u1', { text: 'One' }))
    transcript.update(agent('a1', { text: 'Three' }))
    transcript.update(user('u2', { text: 'Two', afterId: 'u1' }))
    expect(texts(transcript)).to.deep.equal(['One', 'Two', 'Three'])
  })

  it('beginConnection() keeps ids unique where a provider counts from one again', () => {
    const transcript = new Transcript()
    transcript.beginConnection()
    transcript.update(user('user-1', { text: 'Before', final: true }))
    transcript.beginConnection()
    transcript.update(user('user-1', { text: 'After', final: true }))
    expect(texts(transcript)).to.deep.equal(['Before', 'After'])
    expect(new Set(transcript.entries.map(({ id }) => id)).size).to.equal(2)
  })

  it('update() changes nothing of an entry that was cut off', () => {
    const transcript = new Transcript()
    transcript.update(agent('a', { delta: 'I think' }))
    transcript.interrupt(heard('a'))
    transcript.update(agent('a', { text: 'I think that never was said', final: true }))
    expect(transcript.entries[0]).to.deep.include({ text: 'I think', interrupted: true, final: true })
  })

  it('update() marks an entry whose text comes after it was cut off', () => {
    const transcript = new Transcript()
    expect(transcript.interrupt(heard('a'))).to.equal(null)
    transcript.update(agent('a', { text: 'I was' }))
    expect(transcript.entries[0]).to.deep.include({ text: 'I was', interrupted: true, final: true })
  })

  it('entries is a new array at each change and the same one without', () => {
    const transcript = new Transcript()
    transcript.update(agent('a', { text: 'x', final: true }))
    const before = transcript.entries
    expect(transcript.update(agent('a', { text: 'x', final: true }))).to.equal(null)
    expect(transcript.entries).to.equal(before)
    transcript.update(agent('b', { text: 'y' }))
    expect(transcript.entries).not.to.equal(before)
  })

  it('history leaves out entries that have no text', () => {
    const transcript = new Transcript()
    transcript.update(user('u', { text: '' }))
    transcript.update(agent('a', { text: 'Hi' }))
    expect(transcript.history).to.deep.equal([{ role: 'assistant', text: 'Hi' }])
  })
})
