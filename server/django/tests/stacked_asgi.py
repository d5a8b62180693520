"""The example project inside Channels' own stack of middleware, as many projects have it."""

from channels.auth import AuthMiddlewareStack

from example.asgi import application as inner

application = AuthMiddlewareStack(inner)
