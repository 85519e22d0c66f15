"""The Django application: it checks the setting at start, and closes the pool when tests change it."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.signals import setting_changed

from realtime_sync.contrib._site import Settings, Site

__all__ = ["RealtimeSyncConfig"]


class RealtimeSyncConfig(AppConfig):
    """Has the site of this process. Nothing is dialled in `ready`.

    Attributes:
        site: replaced as a whole, by `ready` and by tests that override the setting.
    """

    name = "realtime_sync.contrib.django"
    label = "realtime_sync"
    verbose_name = "realtime_sync"
    site: Site

    def ready(self) -> None:
        """Read the setting ``REALTIME_SYNC``.

        Raises:
            ConfigurationError: it cannot be.
        """
        self.site = _site()
        setting_changed.connect(self._on_setting_changed)

    def _on_setting_changed(self, *, setting: str, **_: Any) -> None:
        if setting == "REALTIME_SYNC":
            before, self.site = self.site, _site()
            before.close()


def _site() -> Site:
    return Site(
        settings=Settings.of(getattr(settings, "REALTIME_SYNC", None)),
        secrets=lambda: [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS],
        debug=lambda: settings.DEBUG,
    )
