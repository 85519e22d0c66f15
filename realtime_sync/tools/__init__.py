"""Functions that a model may call: their schemas, their arguments and results, and the threads they run in."""

from realtime_sync.tools._batch import Batch, FunctionCall, FunctionOutput
from realtime_sync.tools._context import ToolContext
from realtime_sync.tools._executor import thread_name
from realtime_sync.tools._schema import schema_of
from realtime_sync.tools._tool import Tool, tool
from realtime_sync.tools._toolbox import MAX_TOOL_ROUNDS, TOOL_TIMEOUT, Toolbox

__all__ = [
    "MAX_TOOL_ROUNDS",
    "TOOL_TIMEOUT",
    "Batch",
    "FunctionCall",
    "FunctionOutput",
    "Tool",
    "ToolContext",
    "Toolbox",
    "schema_of",
    "thread_name",
    "tool",
]
