"""The Django app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from .conf import ConfigurationError, configuration


class VoicewireConfig(AppConfig):
    """Checks the settings with `manage.py check`, and before the development server starts."""

    name = "voicewire_django"
    verbose_name = "Voicewire"

    def ready(self) -> None:
        register(check_settings)


def check_settings(**_: Any) -> list[CheckMessage]:
    """One error for each setting that is missing or wrong."""
    try:
        configuration()
    except ConfigurationError as error:
        return [Error(fault, id="voicewire.E001") for fault in error.faults]
    return []
