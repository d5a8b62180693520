import { type CSSProperties, useState } from 'react'
import { TalkPanel } from './talk-panel.tsx'

export function App() {
  const [shown, setShown] = useState(true)
  const [color, setColor] = useState('royalblue')

  return (
    <div className="app" style={{ '--color': color } as CSSProperties}>
      <header>
        <h1>Voicewire in React</h1>
        <p>
          Talk to it, and ask it to set the color to teal. <a href="../">Back to one tag</a>
        </p>
      </header>
      {shown && <TalkPanel color={color} onColorChange={setColor} />}
      <button type="button" onClick={() => setShown(!shown)}>
        {shown ? 'Remove the agent' : 'Bring it back'}
      </button>
    </div>
  )
}
