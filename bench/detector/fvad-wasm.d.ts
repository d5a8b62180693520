declare module '@echogarden/fvad-wasm' {
  const open: () => Promise<unknown>
  export default open
}
