"""A project that has nothing but users and the relay."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
# Without one of its own the project forgets who is logged in whenever it starts.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or get_random_secret_key()
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost").split(",")
# Django's own check of who may send the CSRF token; the relay checks ALLOWED_ORIGINS besides.
CSRF_TRUSTED_ORIGINS = [
    origin for origin in os.environ.get("ALLOWED_ORIGINS", "").split(",") if origin.startswith("http")
]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "voicewire_django",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "example.urls"
ASGI_APPLICATION = "example.asgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("EXAMPLE_DATABASE", BASE_DIR / "db.sqlite3"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

# What the environment does not say. Keys and secrets belong there, and not here.
VOICEWIRE: dict[str, object] = {
    "FUNCTIONS": {"current_time": "example.voice.current_time"},
}
if os.environ.get("EXAMPLE_AUTHENTICATE"):
    VOICEWIRE["AUTHENTICATE"] = os.environ["EXAMPLE_AUTHENTICATE"]
