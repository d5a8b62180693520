"""``python -m voicewire_fastapi``: a relay that listens by itself, as the environment says."""

import socket
import sys

import uvicorn

from .app import create_app
from .config import ConfigurationError, Settings, read_settings
from .request_protocol import RelayRequestProtocol
from .session import SessionLimits
from .websocket_protocol import RelayWebSocketProtocol


class RelayServer(uvicorn.Server):
    """uvicorn, set up as a relay needs it."""

    def __init__(self, settings: Settings, limits: SessionLimits | None = None) -> None:
        """:raises ConfigurationError: Where nobody could get in."""
        super().__init__(
            uvicorn.Config(
                create_app(settings, limits=limits),
                host=settings.host,
                port=settings.port,
                http=RelayRequestProtocol,
                ws=RelayWebSocketProtocol,
                ws_max_size=(limits or SessionLimits()).max_message_bytes,
                ws_ping_interval=settings.heartbeat_interval / 1000,
                lifespan="on",
                access_log=False,  # it would hold queries, and they tickets
                log_config=None,
                log_level="error",
                proxy_headers=False,  # TRUST_PROXY says whom to believe
                server_header=False,
            )
        )

    @property
    def address(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:8080``, once it does."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"voicewire-fastapi listens on {self.address}", flush=True)


def main() -> None:
    """Runs until it is told to stop; a wrong configuration ends it with 1 and a line for each fault."""
    try:
        server = RelayServer(read_settings())
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    server.run()


if __name__ == "__main__":
    main()
