/** What users import, and the file that it is; in the order of the site. */
export const ENTRIES = {
  voicewire: 'src/index.ts',
  'voicewire/elements': 'elements/index.ts',
  'voicewire/audio': 'src/audio/index.ts',
  'voicewire/testing': 'src/testing/index.ts',
  'voicewire-relay': 'server/node/index.ts',
  'voicewire-emulator': 'server/emulator/index.ts',
  'voicewire-conformance': 'server/conformance/index.ts',
}

/** @returns The name of the page of an entry, without its ending. */
export function apiPage(entry) {
  return entry.replace('/', '-')
}
