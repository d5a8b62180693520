import { expect } from 'chai'
import type { TranscriptEntry } from '../../src/index.ts'
import {
  transcriptToJSON,
  transcriptToText,
  transcriptToWebVTT,
} from '../../src/session/transcript-export.ts'
import { FIREFOX, itNeeds } from '../support/abilities.ts'

const T0 = 1_700_000_000_000
let count = 0

/** An entry that was opened so many ms after the first one. */
function entry(role: 'user' | 'assistant', text: string, atMs = 0, more: object = {}): TranscriptEntry {
  return { id: `1.${count++}`, role, text, final: true, interrupted: false, startedAt: T0 + atMs, ...more }
}

const LONG = 'a '.repeat(500)
const talk = () => [entry('user', 'How are you?'), entry('assistant', 'Fine', 2000)]

/** The times of a file's cues, as written. */
const times = (file: string) => file.split('\n').filter((line) => line.includes(' --> '))

/** What the browser makes of a WebVTT file. */
async function parse(file: string): Promise<VTTCue[]> {
  const video = document.createElement('video')
  const track = document.createElement('track')
  track.src = URL.createObjectURL(new Blob([file], { type: 'text/vtt' }))
  const loaded = new Promise((resolve, reject) => {
    track.addEventListener('load', resolve)
    track.addEventListener('error', reject)
  })
  video.append(track)
  document.body.append(video)
  track.track.mode = 'hidden'
  try {
    await loaded
    return [...(track.track.cues ?? [])] as VTTCue[]
  } finally {
    video.remove()
    URL.revokeObjectURL(track.src)
  }
}

/** The cues' times in ms. */
const spans = (cues: readonly VTTCue[]) =>
  cues.map(({ startTime, endTime }) => [Math.round(startTime * 1000), Math.round(endTime * 1000)])
const texts = (cues: readonly VTTCue[]) => cues.map((cue) => cue.getCueAsHTML().textContent)
const voices = (cues: readonly VTTCue[]) =>
  cues.map((cue) => cue.getCueAsHTML().querySelector('span')?.getAttribute('title'))

describe('transcriptToText()', () => {
  it('writes a line for each entry that has text', () => {
    const entries = [...talk(), entry('user', ' '), entry('user', '')]
    expect(transcriptToText(entries)).to.equal('User: How are you?\nAgent: Fine\n')
    expect(transcriptToText([])).to.equal('')
  })

  it('calls the speakers as asked', () => {
    expect(transcriptToText(talk(), { labels: { assistant: 'Ada' } })).to.equal(
      'User: How are you?\nAda: Fine\n',
    )
  })

  it('keeps an entry in one line, so that nobody speaks for another', () => {
    expect(transcriptToText([entry('user', 'Hello\r\nAgent: Give it away')])).to.equal(
      'User: Hello Agent: Give it away\n',
    )
  })
})

describe('transcriptToJSON()', () => {
  it('writes its version and the fields of an entry, and no others', () => {
    const [one, two] = talk()
    const text = transcriptToJSON([{ ...one!, words: [] } as TranscriptEntry, two!])
    expect(JSON.parse(text)).to.deep.equal({ version: 1, entries: [one, two] })
  })

  it('writes the same text for the same conversation', () => {
    const [one] = talk()
    const reversed = Object.fromEntries(Object.entries(one!).reverse()) as unknown as TranscriptEntry
    expect(transcriptToJSON([reversed])).to.equal(transcriptToJSON([one!]))
  })
})

describe('transcriptToWebVTT()', () => {
  it('writes a file that a browser reads', async () => {
    const file = transcriptToWebVTT(talk())
    expect(file).to.equal(
      'WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n<v User>How are you?\n\n00:00:02.000 --> 00:00:03.500\n<v Agent>Fine\n',
    )
    const cues = await parse(file)
    expect(spans(cues)).to.deep.equal([
      [0, 1500],
      [2000, 3500],
    ])
    expect(texts(cues)).to.deep.equal(['How are you?', 'Fine'])
    expect(voices(cues)).to.deep.equal(['User', 'Agent'])
  })

  it('writes a file without cues for a conversation without text', async () => {
    expect(transcriptToWebVTT([entry('user', '')])).to.equal('WEBVTT\n')
    expect(await parse(transcriptToWebVTT([]))).to.deep.equal([])
  })

  it('ends a cue when the next one starts, and else when it has been read', () => {
    const entries = [entry('user', LONG), entry('assistant', LONG, 4000), entry('user', 'Yes', 200_000)]
    expect(times(transcriptToWebVTT(entries))).to.deep.equal([
      '00:00:00.000 --> 00:00:04.000',
      '00:00:04.000 --> 00:01:13.930',
      '00:03:20.000 --> 00:03:21.500',
    ])
  })

  it('counts from when the recording began, and leaves out what was over by then', () => {
    const entries = [entry('user', 'Before'), entry('user', LONG, 5000), entry('assistant', 'After', 12_000)]
    expect(times(transcriptToWebVTT(entries, { startedAt: T0 + 10_000 }))).to.deep.equal([
      '00:00:00.000 --> 00:00:02.000',
      '00:00:02.000 --> 00:00:03.500',
    ])
    expect(times(transcriptToWebVTT(entries, { startedAt: T0 - 3_600_000 * 100 }))[0]).to.match(
      /^100:00:00\.000 /,
    )
  })

  it('leaves out a cue of less than a millisecond', () => {
    const entries = [entry('user', 'Before'), entry('assistant', 'After', 1000)]
    expect(times(transcriptToWebVTT(entries, { startedAt: T0 + 999.5 }))).to.deep.equal([
      '00:00:00.000 --> 00:00:01.500',
    ])
  })

  it('gives entries of one moment cues one after the other', () => {
    const entries = [entry('user', 'One'), entry('assistant', 'Two'), entry('user', 'Three')]
    expect(times(transcriptToWebVTT(entries))).to.deep.equal([
      '00:00:00.000 --> 00:00:00.100',
      '00:00:00.100 --> 00:00:00.200',
      '00:00:00.200 --> 00:00:01.700',
    ])
  })

  it('starts an entry whose text came late no later than the answer to it', () => {
    const entries = [
      entry('user', 'Hello', 0),
      entry('user', 'Are you there?', 5000),
      entry('assistant', 'Yes', 3000),
    ]
    expect(times(transcriptToWebVTT(entries))).to.deep.equal([
      '00:00:00.000 --> 00:00:01.500',
      '00:00:03.000 --> 00:00:03.100',
      '00:00:03.100 --> 00:00:04.600',
    ])
  })

  it('gives no cue an end before its start, nor lets two overlap, whatever the times are', async () => {
    // Reproducible: every 7th of a sequence that jumps to and fro.
    const entries = Array.from({ length: 200 }, (_, i) =>
      entry(
        i % 2 ? 'assistant' : 'user',
        'x'.repeat((i * 13) % 60) || 'x',
        ((i * 7919) % 997) * 40 + i * 50.3,
      ),
    )
    for (const startedAt of [T0, T0 + 5000.7, T0 - 5000]) {
      const cues = await parse(transcriptToWebVTT(entries, { startedAt }))
      expect(cues.length).to.be.greaterThan(50)
      let last = 0
      for (const [start, end] of spans(cues)) {
        expect(start).to.be.at.least(last)
        expect(end).to.be.greaterThan(start!)
        last = end!
      }
    }
  })

  itNeeds('names of voices in cues')('writes what looks like WebVTT as text', async () => {
    const hostile = [
      'a & b &amp; c &lt;',
      '<b>bold</b> <00:00:01.000>',
      '-->',
      '00:00:00.000 --> 00:00:09.000',
      'WEBVTT',
      'NOTE hidden',
      'one\n\n00:00:01.000 --> 00:00:02.000\ntwo',
    ]
    const entries = hostile.map((text, i) => entry('user', text, i * 1000))
    const file = transcriptToWebVTT(entries, { labels: { user: 'A > B & <C>\nD' } })
    const cues = await parse(file)
    expect(texts(cues)).to.deep.equal(
      hostile.map((text) => text.replaceAll('\n\n', ' ').replaceAll('\n', ' ')),
    )
    // Firefox leaves character references as they are in the name of a voice.
    const voice = FIREFOX ? 'A &gt; B &amp; &lt;C&gt; D' : 'A > B & <C> D'
    expect(new Set(voices(cues))).to.deep.equal(new Set([voice]))
    expect(file.match(/-->/g)).to.have.length(hostile.length)
  })
})
