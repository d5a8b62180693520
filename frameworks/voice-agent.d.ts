/** What `voicewire/voice-agent.js`, the file for a script tag, brings: elements, and no exports. */
import '../types/elements/index.js'
