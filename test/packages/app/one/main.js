import { transcriptToWebVTT } from 'voicewire'

document.title = transcriptToWebVTT([])
