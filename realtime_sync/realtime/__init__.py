"""The Realtime API: voice and text sessions."""

from realtime_sync.realtime._api import RealtimeApi
from realtime_sync.realtime._interruption import Interruption
from realtime_sync.realtime._session import RealtimeSession
from realtime_sync.realtime._settings import fields_of, name_of_tool, part_of
from realtime_sync.realtime._stream import Turns, TurnStream
from realtime_sync.realtime._turn import Timings, Turn

__all__ = [
    "Interruption",
    "RealtimeApi",
    "RealtimeSession",
    "Timings",
    "Turn",
    "TurnStream",
    "Turns",
    "fields_of",
    "name_of_tool",
    "part_of",
]
