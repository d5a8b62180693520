"""The HTTP paths, for `include('voicewire_django.urls')`, below `RELAY_PREFIX`."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from . import views
from .conf import mount_prefix
from .routes import PROVIDERS

_prefix = mount_prefix()

urlpatterns: list[URLPattern] = [
    *(path(f"{_prefix}{provider[1:]}", views.session, {"provider_path": provider}) for provider in PROVIDERS),
    path(f"{_prefix}realtime", views.session, {"provider_path": "/v1/realtime"}),
    re_path(rf"^{_prefix}deepgram-proxy(?:/.*)?$", views.session, {"provider_path": None}),
    path(f"{_prefix}health", views.health),
    path(f"{_prefix}ready", views.ready),
    path(f"{_prefix}metrics", views.metrics),
    path(f"{_prefix}stats", views.stats),
    path(f"{_prefix}admin/revoke", views.revoke),
    path(f"{_prefix}api/voice-agent/token", views.token),
    path(f"{_prefix}api/voice-agent/refresh-token", views.refresh_token),
    path(f"{_prefix}api/voice-agent/health", views.service_health),
    path(f"{_prefix}function-call", views.function_call),
]
