"""The policies of all paths."""

from .policy import MessageFilter
from .routes import Route


class Policies:
    """What clients may say and configure, per path; nothing is read where there is none."""

    def restrict(self, route: Route) -> Route:
        return route

    def filter(self, route: Route) -> MessageFilter | None:
        return None
