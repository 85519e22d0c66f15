"""What visitors said."""

from django.db import models
from django.utils import timezone


class Memory(models.Model):
    """The conversation of one visitor, signed and compressed."""

    visitor = models.CharField(max_length=64, primary_key=True)
    state = models.TextField()
    updated = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.visitor} ({self.updated})"


class Memories:
    """The table as a store for `realtime_sync.contrib`: `get` and `set`."""

    def get(self, visitor: str) -> str | None:
        """Return what is known of a visitor."""
        return Memory.objects.filter(pk=visitor).values_list("state", flat=True).first()

    def set(self, visitor: str, state: str) -> None:
        """Keep what is known of a visitor."""
        # One statement, that waits for its turn: reading first would fail where another request writes meanwhile.
        row = Memory(visitor=visitor, state=state, updated=timezone.now())
        Memory.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["visitor"], update_fields=["state", "updated"]
        )
