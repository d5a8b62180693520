"""Places for sessions on Redis."""

from __future__ import annotations

import asyncio
import uuid

from . import scripts
from .memory import MemoryLeases
from .redis_link import RedisAwayError, RedisLink, quietly
from .shared import Cap, Caps, Claimant, Lease

_LEASE_MS = 60_000
"""A place is held so long unless it is renewed, so that an instance that was killed gives its own back."""
_RENEWALS = 3
"""Within a lease's life, so that it outlives a renewal that fails."""
_MOST_RENEWED = 500
_CAPS: tuple[Cap, ...] = ("total", "ip", "user")


class RedisLeases:
    """Places on Redis that expire unless they are renewed."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._here = MemoryLeases()
        self._held: dict[str, list[str]] = {}
        self._instance = uuid.uuid4()
        self._count = 0
        self._renewer: asyncio.Task[None] | None = None
        link.on_back(self._renew)

    async def check(self, claimant: Claimant, caps: Caps) -> Cap | None:
        return self._here.check_now(claimant, caps) or await self._ask("", claimant, caps)

    async def hold(self, claimant: Claimant, caps: Caps) -> Lease:
        # Held here first: what this instance has alone can be too much already, and others may come in meanwhile.
        lease = await self._here.hold(claimant, caps)
        if lease.refused_by is not None:
            return lease
        self._count += 1
        name = f"{self._instance}:{self._count}"
        try:
            refused_by = await self._ask(name, claimant, caps)
        except BaseException:
            lease.release()
            raise
        if refused_by is not None:
            lease.release()
            return Lease(refused_by, lease.release)
        self._held[name] = self._keys(claimant)
        self._renewer = self._renewer or asyncio.create_task(self._renew_forever())

        def release() -> None:
            lease.release()
            keys = self._held.pop(name, None)
            if keys is not None:
                self._link.chore(self._link.script(scripts.RELEASE, keys, [name]))  # otherwise it expires

        return Lease(None, release)

    async def has_room(self, caps: Caps) -> bool:
        if not await self._here.has_room(caps):
            return False
        try:
            return caps.total == 0 or await self._hold([self._link.key("leases")], ["", 0, caps.total]) == 0
        except RedisAwayError:
            return True  # as far as this instance knows

    def close(self) -> None:
        """Renews nothing any more."""
        if self._renewer is not None:
            self._renewer.cancel()

    async def _ask(self, name: str, claimant: Claimant, caps: Caps) -> Cap | None:
        limits = [caps.total, caps.per_ip, caps.per_user]
        try:
            full = await self._hold(self._keys(claimant), [name, _LEASE_MS, *limits])
        except RedisAwayError:
            return None  # it was checked here
        return _CAPS[full - 1] if full else None

    async def _hold(self, keys: list[str], arguments: list[str | int]) -> int:
        return int(await self._link.script(scripts.HOLD, keys, arguments))

    def _keys(self, claimant: Claimant) -> list[str]:
        keys = [self._link.key("leases"), self._link.key("leases:ip", claimant.ip)]
        return keys if claimant.user is None else [*keys, self._link.key("leases:user", claimant.user)]

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(_LEASE_MS / 1000 / _RENEWALS)
            await quietly(self._renew())

    async def _renew(self) -> None:
        names = list(self._held)
        for at in range(0, len(names), _MOST_RENEWED):
            # Some may have been given back while the ones before were renewed.
            some = [(name, key) for name in names[at : at + _MOST_RENEWED] for key in self._held.get(name, [])]
            if some:
                keys, owners = [key for _, key in some], [name for name, _ in some]
                await self._link.script(scripts.RENEW, keys, [_LEASE_MS, *owners])
