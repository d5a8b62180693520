"""What one user may use in a UTC day."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from .codes import Refusal
from .conf import Configuration
from .state.memory import DAY_MS
from .state.shared import Budgets, Expense

LOOK_SECONDS = 5
"""Between two looks at all sessions: a budget is overdrawn by so much at most."""


async def check_budget(user: str, config: Configuration, budgets: Budgets) -> None:
    """:raises Refusal: 429 where a user has nothing left today."""
    if not is_limited(config):
        return
    (spent,) = await budgets.spend([Expense(user, 0, 0)])
    if _is_spent(spent, config):
        left = max(1, math.ceil((DAY_MS - time.time() * 1000 % DAY_MS) / 1000))
        raise Refusal(429, "budget_spent", "The day's budget is used up", retry_after=left)


def is_limited(config: Configuration) -> bool:
    """Whether there is any budget."""
    return config.budget_tokens_per_day > 0 or config.budget_minutes_per_day > 0


def _is_spent(spent: Expense, config: Configuration) -> bool:
    tokens, minutes = config.budget_tokens_per_day, config.budget_minutes_per_day
    return 0 < tokens <= spent.tokens or 0 < minutes * 60_000 <= spent.ms


@dataclass(eq=False, slots=True)
class Account:
    """One session's."""

    user: str
    on_spent: Callable[[], None]
    since: float


class BudgetMeter:
    """Counts what sessions use, and tells those whose user has spent the day's budget, by whichever session."""

    def __init__(self, config: Configuration, budgets: Budgets) -> None:
        self._config = config
        self._budgets = budgets
        self._accounts: set[Account] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._looked_at = time.monotonic()

    def open(self, user: str, on_spent: Callable[[], None]) -> Account:
        """Counts a session from now on."""
        account = Account(user, on_spent, time.monotonic())
        if is_limited(self._config):
            self._accounts.add(account)
        return account

    def use_tokens(self, account: Account, tokens: int) -> None:
        """Counts tokens, and looks at once whether the budget is spent."""
        if account in self._accounts:
            self._count([account], tokens)

    def close(self, account: Account) -> None:
        """Counts what is left to count."""
        if account in self._accounts:
            self._count([account], 0)
            self._accounts.discard(account)

    def look(self, now: float) -> None:
        """Counts the time of all sessions; whoever has a clock calls it often."""
        if self._accounts and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._count(list(self._accounts), 0)

    def _count(self, accounts: list[Account], tokens: int) -> None:
        now = time.monotonic()
        used: dict[str, tuple[int, int]] = {}
        for account in accounts:
            before = used.get(account.user, (0, 0))
            used[account.user] = (before[0] + tokens, before[1] + math.ceil((now - account.since) * 1000))
            account.since = now
        task = asyncio.ensure_future(self._spend([Expense(user, *spent) for user, spent in used.items()]))
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _spend(self, expenses: list[Expense]) -> None:
        spent = {known.user for known in await self._budgets.spend(expenses) if _is_spent(known, self._config)}
        for account in list(self._accounts):
            if account.user in spent:
                account.on_spent()
