export { ScriptedSocket } from '../../src/testing/scripted-socket.ts'
