import { expect } from 'chai'
import { Gate } from '../../elements/internal/gate.ts'

/** @returns The name of why a promise was rejected, or `resolved`. */
const ending = (promise: Promise<void> | null): Promise<string> =>
  Promise.resolve(promise).then(
    () => 'resolved',
    (error: Error) => error.name,
  )

describe('Gate', () => {
  it('asks for nothing where there is no step', () => {
    const gate = new Gate(() => expect.fail('nothing has changed'))
    expect(gate.ask([])).to.equal(null)
    expect(gate.step).to.equal(null)
  })

  it('asks for one step after the other, and lets pass behind the last', async () => {
    const steps: (string | null)[] = []
    const gate: Gate = new Gate(() => steps.push(gate.step))
    const passed = gate.ask(['consent', 'microphone'])
    gate.agree()
    gate.agree()
    expect(await ending(passed)).to.equal('resolved')
    expect(steps).to.deep.equal(['consent', 'microphone', null])
  })

  it('is passed by nobody when one step is declined, and asks again the next time', async () => {
    const gate = new Gate(() => {})
    const first = gate.ask(['consent'])
    const second = gate.ask(['consent'])
    expect(second).to.equal(first)
    gate.decline()
    expect([await ending(first), gate.step]).to.deep.equal(['AbortError', null])
    const third = gate.ask(['consent'])
    gate.agree()
    expect(await ending(third)).to.equal('resolved')
  })

  it('takes an answer that nobody asked for as none', () => {
    const gate = new Gate(() => {})
    gate.decline()
    gate.agree()
    expect(gate.step).to.equal(null)
  })
})
