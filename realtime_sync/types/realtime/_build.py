"""Conversation items in one call: ``user_text("Hello")``."""

import json
from base64 import b64encode
from typing import Any

from realtime_sync.types._values import data_url
from realtime_sync.types.realtime._items import (
    RealtimeConversationItemFunctionCall,
    RealtimeConversationItemFunctionCallOutput,
    RealtimeConversationItemUserMessage,
    RealtimeConversationItemUserMessageContent,
)

__all__ = ["function_result", "user_audio", "user_image", "user_text"]

_Part = RealtimeConversationItemUserMessageContent
