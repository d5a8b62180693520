import type { LaunchOptions } from 'playwright'

export const SPEECH_FILE: string
export function chromiumOptions(options?: { speechFile?: string; args?: string[] }): LaunchOptions
