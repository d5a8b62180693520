import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BudgetMeter, type BudgetOptions, checkBudget } from '../src/budget-meter.ts'
import { Refusal } from '../src/codes.ts'
import { MemoryBudgets, secondsOfDayLeft } from '../src/state/memory-budgets.ts'

const DAY_MS = 86_400_000

/** A meter whose time passes when a test says so. */
function meter(options: BudgetOptions) {
  let now = 0
  let look: (() => void) | null = null
  const budgets = new MemoryBudgets(() => 0)
  const wheel = {
    schedule: (_delayMs: number, callback: () => void) => {
      look = callback
      return {
        cancel: () => {
          look = null
        },
      }
    },
  }
  return {
    budgets,
    meter: new BudgetMeter(options, budgets, { wheel, now: () => now }),
    counting: () => look !== null,
    /** Time passes until the next look, and what it finds is told. */
    pass: async (ms: number) => {
      now += ms
      look?.()
      await new Promise(setImmediate)
    },
    spent: async (user: string) => (await budgets.spend([{ user, tokens: 0, ms: 0 }]))[0]!,
  }
}

test('BudgetMeter counts the time of all sessions of a user, and tells each of them when it is up', async () => {
  const { meter: accounts, pass, spent, counting } = meter({ minutesPerDay: 1 })
  const told: string[] = []
  const first = accounts.open('ann', () => told.push('first'))
  accounts.open('ann', () => told.push('second'))
  const other = accounts.open('bob', () => told.push('other'))
  await pass(29_000)
  assert.deepEqual([told, (await spent('ann')).ms], [[], 58_000])
  await pass(1000)
  assert.deepEqual(told, ['first', 'second'])
  assert.equal((await spent('bob')).ms, 30_000)
  first.close()
  first.close()
  other.close()
  await pass(5000)
  assert.equal((await spent('ann')).ms, 65_000, 'the second one goes on')
  assert.equal((await spent('bob')).ms, 30_000)
  assert.ok(counting())
})

test('BudgetMeter counts the time until a session ends, and nothing when none is left', async () => {
  const { meter: accounts, pass, spent, counting } = meter({ minutesPerDay: 10 })
  const account = accounts.open('ann', assert.fail)
  await pass(5000)
  await pass(1000)
  account.close()
  assert.deepEqual([(await spent('ann')).ms, counting()], [6000, false])
})

test('BudgetMeter counts tokens at once, also those that come late, and ignores what is no number', async () => {
  const { meter: accounts, pass, spent } = meter({ tokensPerDay: 100 })
  let told = 0
  const account = accounts.open('ann', () => {
    told += 1
  })
  for (const tokens of [Number.NaN, -5, Number.POSITIVE_INFINITY, 99]) account.useTokens(tokens)
  await new Promise(setImmediate)
  assert.deepEqual([told, (await spent('ann')).tokens], [0, 99])
  account.useTokens(1)
  await new Promise(setImmediate)
  assert.equal(told, 1)
  account.close()
  await pass(1000)
  account.useTokens(7)
  assert.deepEqual(await spent('ann'), { tokens: 107, ms: 0 })
})

test('BudgetMeter counts nothing where there is no budget', async () => {
  const { meter: accounts, pass, spent, counting } = meter({})
  const account = accounts.open('ann', assert.fail)
  account.useTokens(1e9)
  await pass(DAY_MS)
  account.close()
  assert.deepEqual([await spent('ann'), counting()], [{ tokens: 0, ms: 0 }, false])
})

test('checkBudget() refuses until midnight UTC', async () => {
  const budgets = new MemoryBudgets()
  await budgets.spend([{ user: 'ann', tokens: 0, ms: 60_000 }])
  await checkBudget('ann', { tokensPerDay: 1, minutesPerDay: 2 }, budgets)
  await checkBudget('ann', {}, budgets)
  await assert.rejects(checkBudget('ann', { minutesPerDay: 1 }, budgets), (error) => {
    assert.ok(error instanceof Refusal)
    assert.deepEqual([error.status, error.code], [429, 'budget_spent'])
    const seconds = error.retryAfterSeconds ?? 0
    return seconds >= 1 && seconds <= 86_400
  })
  assert.equal(secondsOfDayLeft(5 * DAY_MS + 3_600_000), 82_800)
  assert.equal(secondsOfDayLeft(DAY_MS - 1), 1)
})

test('MemoryBudgets begin anew at midnight UTC', async () => {
  let now = 5 * DAY_MS - 1
  const budgets = new MemoryBudgets(() => now)
  const spend = async () => (await budgets.spend([{ user: 'ann', tokens: 1, ms: 0 }]))[0]?.tokens
  assert.deepEqual([await spend(), await spend()], [1, 2])
  now += 1
  assert.equal(await spend(), 1)
})
