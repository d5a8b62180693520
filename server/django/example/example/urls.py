"""The HTTP paths."""

from django.urls import include, path, re_path

from voicewire_django.views import not_found

urlpatterns = [path("", include("voicewire_django.urls")), re_path(r"", not_found)]
