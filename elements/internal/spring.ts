/** A number that follows its target as a damped spring does: it swings a little where it is damped less. */
export class Spring {
  value: number
  readonly #stiffness: number
  readonly #damping: number
  #velocity = 0

  /**
   * @param stiffness How hard it is pulled, in 1/s².
   * @param damping How much it is held back, in 1/s; at twice the root of `stiffness` it swings no more.
   */
  constructor(value: number, stiffness = 170, damping = 20) {
    this.value = value
    this.#stiffness = stiffness
    this.#damping = damping
  }

  /** @returns The value after `seconds`, which are to be few. */
  follow(target: number, seconds: number): number {
    const force = this.#stiffness * (target - this.value) - this.#damping * this.#velocity
    this.#velocity += force * seconds
    this.value += this.#velocity * seconds
    return this.value
  }
}
