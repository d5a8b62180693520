import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import 'voicewire/elements'
import 'voicewire/react'
import '../../app.css'
import { App } from './app.tsx'

createRoot(document.querySelector('#app')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
