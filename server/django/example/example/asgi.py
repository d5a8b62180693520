"""Where a server begins: HTTP to Django, WebSockets to the relay."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
http = get_asgi_application()  # first: it loads the settings that the imports below read

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from voicewire_django.routing import unknown_path, websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter([*websocket_urlpatterns, unknown_path])})
