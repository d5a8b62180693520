import { mount } from 'svelte'
import 'voicewire/elements'
import 'voicewire/svelte'
import '../../app.css'
import App from './App.svelte'

mount(App, { target: document.querySelector('#app')! })
