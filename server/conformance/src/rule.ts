import type { Profile, Settings } from './settings.ts'
import type { Trial } from './trial.ts'

/** One thing that a relay must do, and how to find out whether it does. */
export interface Rule {
  /** `topic/name`: it stays as it is. */
  readonly id: string
  /** What a relay does that passes, as a sentence. */
  readonly title: string
  /** The requirements of PROTOCOL.md that it proves, wholly or in part. */
  readonly proves: readonly string[]
  /** The least profile it belongs to; default `full`. */
  readonly profile?: Profile
  /** `should`: a relay that does not passes with a warning. Default `must`. */
  readonly level?: 'must' | 'should'
  /** Whether nothing else may go on at the relay meanwhile; default false. */
  readonly alone?: boolean
  /** Whether it waits for many seconds: it begins first. */
  readonly long?: boolean
  /** Whether it is only judged when it is asked for, as it takes more than a minute. */
  readonly slow?: boolean
  /** Why it cannot be judged with these settings; null where it can. */
  readonly skip?: (settings: Settings) => string | null
  /** @throws {Violation} Where the relay does not pass. @throws {NotJudged} Where that cannot be told. */
  readonly judge: (trial: Trial) => Promise<void>
}
