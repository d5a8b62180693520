import { expect } from 'chai'
import { AudioBacklog } from '../../src/session/audio-backlog.ts'

const chunk = (value: number) => new Int16Array(160).fill(value)

function drain(backlog: AudioBacklog): (number | undefined)[] {
  const values = []
  for (let next = backlog.shift(); next; next = backlog.shift()) values.push(next[0])
  return values
}

describe('AudioBacklog', () => {
  it('gives back in order what it was given', () => {
    const backlog = new AudioBacklog(16_000, 100)
    for (const value of [1, 2, 3]) backlog.push(chunk(value))
    expect([drain(backlog), backlog.droppedMs]).to.deep.equal([[1, 2, 3], 0])
  })

  it('keeps the newest, drops the oldest and counts it', () => {
    const backlog = new AudioBacklog(16_000, 30)
    for (const value of [1, 2, 3, 4, 5]) backlog.push(chunk(value))
    expect([drain(backlog), backlog.droppedMs]).to.deep.equal([[3, 4, 5], 20])
  })

  it('keeps what a chunk was, as its array is used again', () => {
    const backlog = new AudioBacklog(16_000, 100)
    const reused = chunk(1)
    expect(backlog.empty).to.equal(true)
    backlog.push(reused)
    reused.fill(2)
    backlog.push(reused)
    expect(backlog.empty).to.equal(false)
    expect(drain(backlog)).to.deep.equal([1, 2])
    expect(backlog.empty).to.equal(true)
  })

  it('keeps a chunk that is longer than it holds', () => {
    const backlog = new AudioBacklog(16_000, 5)
    backlog.push(chunk(1))
    expect(drain(backlog)).to.deep.equal([1])
  })
})
