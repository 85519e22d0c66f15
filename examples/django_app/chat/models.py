"""What visitors said."""

from django.db import models


class Memory(models.Model):
    """The conversation of one visitor, signed and compressed."""

    visitor = models.CharField(max_length=64, primary_key=True)
    state = models.TextField()
    updated = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.visitor} ({self.updated})"


class Memories:
    """The table as a store for `realtime_sync.contrib`: `get` and `set`."""

    def get(self, visitor: str) -> str | None:
        """Return what is known of a visitor."""
        return Memory.objects.filter(pk=visitor).values_list("state", flat=True).first()

    def set(self, visitor: str, state: str) -> None:
        """Keep what is known of a visitor."""
        Memory.objects.update_or_create(pk=visitor, defaults={"state": state})
