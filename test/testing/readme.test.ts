import { expect } from 'chai'

/** Where the names that users import lie here. */
const SOURCES: Readonly<Record<string, string>> = {
  voicewire: '/src/index.ts',
  'voicewire/testing': '/src/testing/index.ts',
}

/** Runs the example as it stands, as the module that it is. @returns What it asserted. */
async function run(example: string): Promise<unknown[]> {
  const code = example.replace(/ from '([^']+)'/g, (_, name) => ` from '${location.origin}${SOURCES[name]}'`)
  const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
  const asserted: unknown[] = []
  const { assert } = console
  console.assert = (condition) => asserted.push(condition)
  try {
    await import(url)
    return asserted
  } finally {
    console.assert = assert
    URL.revokeObjectURL(url)
  }
}

describe('README, its example of voicewire/testing', () => {
  it('works as it stands', async () => {
    const readme = await (await fetch('/README.md')).text()
    const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)
    const example = examples.find((code) => code.includes('voicewire/testing')) ?? ''
    expect(await run(example)).to.deep.equal([true])
  })
})
