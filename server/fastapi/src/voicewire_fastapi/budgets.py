"""Counts what live sessions use, and ends those whose user has nothing left."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .codes import Refusal
from .config import Settings
from .state import Expense, SharedState, seconds_of_day_left

# Between two looks at all sessions: a budget is overdrawn by so much at most.
_EVERY_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class Account:
    """One session of one user."""

    user: str
    on_spent: Callable[[], None]
    since: float


class Budgets:
    """What one user may use in a UTC day; 0: no limit."""

    def __init__(self, settings: Settings, state: SharedState) -> None:
        self._tokens = settings.budget_tokens_per_day
        self._ms = settings.budget_minutes_per_day * 60_000
        self._state = state
        self._accounts: set[Account] = set()

    @property
    def limited(self) -> bool:
        """Whether there is any budget."""
        return self._tokens > 0 or self._ms > 0

    async def check(self, user: str) -> None:
        """
        Lets through who has something left.

        :raises Refusal: 429 for who has not, until the next day.
        """
        if self.limited and self._is_spent((await self._state.spend([Expense(user, 0, 0)]))[0]):
            retry_after = seconds_of_day_left(time.time())
            raise Refusal(429, "budget_spent", "The day's budget is used up", retry_after=retry_after)

    def open(self, user: str, on_spent: Callable[[], None]) -> Account:
        """Counts a session from now on."""
        account = Account(user, on_spent, time.monotonic())
        self._accounts.add(account)
        return account

    async def use(self, account: Account, tokens: int) -> None:
        """Counts tokens, and looks at once whether the budget is spent."""
        await self._count([account], tokens)

    async def close(self, account: Account) -> None:
        """Counts what is left to count."""
        await self._count([account], 0)
        self._accounts.discard(account)

    async def run(self) -> None:
        """Counts until it is cancelled."""
        while self.limited:
            await asyncio.sleep(_EVERY_SECONDS)
            await self._count(self._accounts, 0)

    async def _count(self, accounts: Iterable[Account], tokens: int) -> None:
        now = time.monotonic()
        used: dict[str, Expense] = {}
        for account in accounts:
            before = used.get(account.user, Expense(account.user, 0, 0))
            ms = (now - account.since) * 1000
            used[account.user] = Expense(account.user, before.tokens + tokens, before.ms + ms)
            account.since = now
        spent = {expense.user: expense for expense in await self._state.spend(list(used.values()))}
        for account in list(self._accounts):
            if account.user in spent and self._is_spent(spent[account.user]):
                account.on_spent()

    def _is_spent(self, spent: Expense) -> bool:
        return 0 < self._tokens <= spent.tokens or 0 < self._ms <= spent.ms
