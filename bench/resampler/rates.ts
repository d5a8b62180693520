export interface Rates {
  readonly inputRate: number
  readonly outputRate: number
}
