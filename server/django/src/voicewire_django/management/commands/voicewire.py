"""`manage.py voicewire`: serves the project with uvicorn, set up as the relay needs it."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from voicewire_django.conf import ConfigurationError, configuration
from voicewire_django.relay import relay


class Command(BaseCommand):
    """Serves `ASGI_APPLICATION` on `HOST` and `PORT`."""

    help = "Serves the project with uvicorn, set up as the relay needs it."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            import httptools  # noqa: F401
            import uvicorn
        except ImportError:
            sys.exit("Cannot start the relay as uvicorn must be installed: pip install 'voicewire-django[uvicorn]'")
        from voicewire_django.uvicorn import RelayHttpProtocol, RelayWebSocketProtocol

        try:
            config = configuration()
        except ConfigurationError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(1)
        module, _, name = str(settings.ASGI_APPLICATION).rpartition(".")
        heartbeat = config.heartbeat_interval / 1000
        options = uvicorn.Config(
            f"{module}:{name}",
            host=config.host,
            port=config.port,
            http=RelayHttpProtocol,
            ws=RelayWebSocketProtocol,
            ws_max_size=config.max_message_bytes,
            ws_ping_interval=heartbeat,
            ws_ping_timeout=heartbeat,
            ws_per_message_deflate=False,
            proxy_headers=False,  # TRUST_PROXY says whom to believe
            server_header=False,
            access_log=False,  # queries can hold tickets
            log_level="warning",
            timeout_graceful_shutdown=2,
        )
        with contextlib.suppress(KeyboardInterrupt):
            _server_class()(options).run()
        sys.exit(0)


def _server_class() -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """Begins the relay before the first request, and says where it listens as soon as it does."""

        async def startup(self, sockets: Any = None) -> None:
            await relay().opened()
            await super().startup(sockets)
            if self.started and self.servers:
                host, port = self.servers[0].sockets[0].getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                print(f"Voicewire relay on http://{shown}:{port}", flush=True)  # noqa: T201

    return Server
