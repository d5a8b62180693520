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

describe('docs/testing.md, its example of voicewire/testing', () => {
  it('works as it stands', async () => {
    const text = await (await fetch('/docs/testing.md')).text()
    const example = /```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
    expect(await run(example)).to.deep.equal([true])
  })
})
