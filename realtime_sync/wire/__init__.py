"""JSON text to typed events and back: exactly, whatever a server sends.

- `parse_event` and `event_decoder` make events of messages.
- `encode_event` and `to_wire` make messages of events.
- `parse_object` and `plain_object` do both for objects that are no events: the bodies of HTTP.
- `value_maker` and `to_plain` do the same for the users' own types.
- `event_names` and `client_fields` list what a catalogue knows.

Importing this package loads no catalogue.
"""

from __future__ import annotations

from realtime_sync.wire._decode import client_fields, event_decoder, event_names, parse_event, parse_object
from realtime_sync.wire._encode import encode_event, plain_object, to_wire
from realtime_sync.wire._values import to_plain, value_maker

__all__ = [
    "client_fields",
    "encode_event",
    "event_decoder",
    "event_names",
    "parse_event",
    "parse_object",
    "plain_object",
    "to_plain",
    "to_wire",
    "value_maker",
]
