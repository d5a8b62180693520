/** The programs of an environment, and why there are none. */
export interface PythonEnvironment {
  /** The path of a program in it, such as `program('pytest')`. */
  readonly program: (command: string) => string
  /** Why it cannot be used, and what to do; undefined where it can. */
  readonly missing: string | undefined
}
/** @returns The environment as it is; nothing is installed. */
export function pythonEnvironment(name: string): PythonEnvironment
/** @returns How many checks and tests of a backend passed and failed; none where there is no Python. */
export function testPython(name: string): Promise<{ code: number; passed: number; failed: number }>
