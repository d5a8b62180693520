/** Knows whether the browser will ask before it gives the microphone. */
export class MicrophonePermission {
  #status: PermissionStatus | null = null

  /** Whether it will not. False until that is known, and where a browser does not tell. */
  get granted(): boolean {
    return this.#status?.state === 'granted'
  }

  /** Begins to find out. */
  ask(): void {
    // Firefox before 131 throws at the name.
    const asked = navigator.permissions?.query({ name: 'microphone' as PermissionName })
    asked?.then(
      (status) => {
        this.#status = status
      },
      () => {},
    )
  }
}
