import { createApp } from 'vue'
import 'voicewire/elements'
import 'voicewire/vue'
import '../../app.css'
import App from './App.vue'

createApp(App).mount('#app')
