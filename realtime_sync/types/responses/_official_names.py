"""Further names that the official SDK has: of the unions, and of the streaming events in their WebSocket form."""

from typing import TypeAlias

from realtime_sync.types.responses import _client_events, _lifecycle_events, _server_events, _text_events, _tool_events

__all__ = [
    "ResponseAudioTranscriptWsDelta",
    "ResponseAudioTranscriptWsDone",
    "ResponseAudioWsDelta",
    "ResponseAudioWsDone",
    "ResponseCodeInterpreterCallCodeWsDelta",
    "ResponseCodeInterpreterCallCodeWsDone",
    "ResponseCodeInterpreterCallInWsProgress",
    "ResponseCodeInterpreterCallWsCompleted",
    "ResponseCodeInterpreterCallWsInterpreting",
    "ResponseCompactionWsCompacting",
    "ResponseContentPartWsAdded",
    "ResponseContentPartWsDone",
    "ResponseCustomToolCallInputWsDelta",
    "ResponseCustomToolCallInputWsDone",
    "ResponseFileSearchCallInWsProgress",
    "ResponseFileSearchCallWsCompleted",
    "ResponseFileSearchCallWsSearching",
    "ResponseFunctionCallArgumentsWsDelta",
    "ResponseFunctionCallArgumentsWsDone",
    "ResponseImageGenCallInWsProgress",
    "ResponseImageGenCallPartialWsImage",
    "ResponseImageGenCallWsCompleted",
    "ResponseImageGenCallWsGenerating",
    "ResponseInWsProgress",
    "ResponseMcpCallArgumentsWsDelta",
    "ResponseMcpCallArgumentsWsDone",
    "ResponseMcpCallInWsProgress",
    "ResponseMcpCallWsCompleted",
    "ResponseMcpCallWsFailed",
    "ResponseMcpListToolsInWsProgress",
    "ResponseMcpListToolsWsCompleted",
    "ResponseMcpListToolsWsFailed",
    "ResponseOutputItemWsAdded",
    "ResponseOutputItemWsDone",
    "ResponseOutputTextAnnotationWsAdded",
    "ResponseReasoningSummaryPartWsAdded",
    "ResponseReasoningSummaryPartWsDone",
    "ResponseReasoningSummaryTextWsDelta",
    "ResponseReasoningSummaryTextWsDone",
    "ResponseReasoningTextWsDelta",
    "ResponseReasoningTextWsDone",
    "ResponseRefusalWsDelta",
    "ResponseRefusalWsDone",
    "ResponseShellCallCommandWsAdded",
    "ResponseShellCallCommandWsDelta",
    "ResponseShellCallCommandWsDone",
    "ResponseShellCallOutputContentWsDelta",
    "ResponseShellCallOutputContentWsDone",
    "ResponseStreamEvent",
    "ResponseTextWsDelta",
    "ResponseTextWsDone",
    "ResponseWebSearchCallInWsProgress",
    "ResponseWebSearchCallWsCompleted",
    "ResponseWebSearchCallWsSearching",
    "ResponseWsCompleted",
    "ResponseWsCreated",
    "ResponseWsFailed",
    "ResponseWsIncomplete",
    "ResponseWsQueued",
    "ResponsesClientEvent",
    "ResponsesServerEvent",
]

ResponseStreamEvent: TypeAlias = _server_events.ServerEvent
ResponsesClientEvent: TypeAlias = _client_events.ClientEvent
ResponsesServerEvent: TypeAlias = _server_events.ServerEvent
ResponseAudioTranscriptWsDelta: TypeAlias = _text_events.ResponseAudioTranscriptDeltaEvent
ResponseAudioTranscriptWsDone: TypeAlias = _text_events.ResponseAudioTranscriptDoneEvent
ResponseAudioWsDelta: TypeAlias = _text_events.ResponseAudioDeltaEvent
ResponseAudioWsDone: TypeAlias = _text_events.ResponseAudioDoneEvent
ResponseCodeInterpreterCallCodeWsDelta: TypeAlias = _tool_events.ResponseCodeInterpreterCallCodeDeltaEvent
ResponseCodeInterpreterCallCodeWsDone: TypeAlias = _tool_events.ResponseCodeInterpreterCallCodeDoneEvent
ResponseCodeInterpreterCallInWsProgress: TypeAlias = _tool_events.ResponseCodeInterpreterCallInProgressEvent
ResponseCodeInterpreterCallWsCompleted: TypeAlias = _tool_events.ResponseCodeInterpreterCallCompletedEvent
ResponseCodeInterpreterCallWsInterpreting: TypeAlias = _tool_events.ResponseCodeInterpreterCallInterpretingEvent
ResponseCompactionWsCompacting: TypeAlias = _lifecycle_events.ResponseCompactionCompactingEvent
ResponseContentPartWsAdded: TypeAlias = _text_events.ResponseContentPartAddedEvent
ResponseContentPartWsDone: TypeAlias = _text_events.ResponseContentPartDoneEvent
ResponseCustomToolCallInputWsDelta: TypeAlias = _tool_events.ResponseCustomToolCallInputDeltaEvent
ResponseCustomToolCallInputWsDone: TypeAlias = _tool_events.ResponseCustomToolCallInputDoneEvent
ResponseFileSearchCallInWsProgress: TypeAlias = _tool_events.ResponseFileSearchCallInProgressEvent
ResponseFileSearchCallWsCompleted: TypeAlias = _tool_events.ResponseFileSearchCallCompletedEvent
ResponseFileSearchCallWsSearching: TypeAlias = _tool_events.ResponseFileSearchCallSearchingEvent
ResponseFunctionCallArgumentsWsDelta: TypeAlias = _tool_events.ResponseFunctionCallArgumentsDeltaEvent
ResponseFunctionCallArgumentsWsDone: TypeAlias = _tool_events.ResponseFunctionCallArgumentsDoneEvent
ResponseImageGenCallInWsProgress: TypeAlias = _tool_events.ResponseImageGenCallInProgressEvent
ResponseImageGenCallPartialWsImage: TypeAlias = _tool_events.ResponseImageGenCallPartialImageEvent
ResponseImageGenCallWsCompleted: TypeAlias = _tool_events.ResponseImageGenCallCompletedEvent
ResponseImageGenCallWsGenerating: TypeAlias = _tool_events.ResponseImageGenCallGeneratingEvent
ResponseInWsProgress: TypeAlias = _lifecycle_events.ResponseInProgressEvent
ResponseMcpCallArgumentsWsDelta: TypeAlias = _tool_events.ResponseMcpCallArgumentsDeltaEvent
ResponseMcpCallArgumentsWsDone: TypeAlias = _tool_events.ResponseMcpCallArgumentsDoneEvent
ResponseMcpCallInWsProgress: TypeAlias = _tool_events.ResponseMcpCallInProgressEvent
ResponseMcpCallWsCompleted: TypeAlias = _tool_events.ResponseMcpCallCompletedEvent
ResponseMcpCallWsFailed: TypeAlias = _tool_events.ResponseMcpCallFailedEvent
ResponseMcpListToolsInWsProgress: TypeAlias = _tool_events.ResponseMcpListToolsInProgressEvent
ResponseMcpListToolsWsCompleted: TypeAlias = _tool_events.ResponseMcpListToolsCompletedEvent
ResponseMcpListToolsWsFailed: TypeAlias = _tool_events.ResponseMcpListToolsFailedEvent
ResponseOutputItemWsAdded: TypeAlias = _text_events.ResponseOutputItemAddedEvent
ResponseOutputItemWsDone: TypeAlias = _text_events.ResponseOutputItemDoneEvent
ResponseOutputTextAnnotationWsAdded: TypeAlias = _text_events.ResponseOutputTextAnnotationAddedEvent
ResponseReasoningSummaryPartWsAdded: TypeAlias = _text_events.ResponseReasoningSummaryPartAddedEvent
ResponseReasoningSummaryPartWsDone: TypeAlias = _text_events.ResponseReasoningSummaryPartDoneEvent
ResponseReasoningSummaryTextWsDelta: TypeAlias = _text_events.ResponseReasoningSummaryTextDeltaEvent
ResponseReasoningSummaryTextWsDone: TypeAlias = _text_events.ResponseReasoningSummaryTextDoneEvent
ResponseReasoningTextWsDelta: TypeAlias = _text_events.ResponseReasoningTextDeltaEvent
ResponseReasoningTextWsDone: TypeAlias = _text_events.ResponseReasoningTextDoneEvent
ResponseRefusalWsDelta: TypeAlias = _text_events.ResponseRefusalDeltaEvent
ResponseRefusalWsDone: TypeAlias = _text_events.ResponseRefusalDoneEvent
ResponseShellCallCommandWsAdded: TypeAlias = _tool_events.ResponseShellCallCommandAddedEvent
ResponseShellCallCommandWsDelta: TypeAlias = _tool_events.ResponseShellCallCommandDeltaEvent
ResponseShellCallCommandWsDone: TypeAlias = _tool_events.ResponseShellCallCommandDoneEvent
ResponseShellCallOutputContentWsDelta: TypeAlias = _tool_events.ResponseShellCallOutputContentDeltaEvent
ResponseShellCallOutputContentWsDone: TypeAlias = _tool_events.ResponseShellCallOutputContentDoneEvent
ResponseTextWsDelta: TypeAlias = _text_events.ResponseTextDeltaEvent
ResponseTextWsDone: TypeAlias = _text_events.ResponseTextDoneEvent
ResponseWebSearchCallInWsProgress: TypeAlias = _tool_events.ResponseWebSearchCallInProgressEvent
ResponseWebSearchCallWsCompleted: TypeAlias = _tool_events.ResponseWebSearchCallCompletedEvent
ResponseWebSearchCallWsSearching: TypeAlias = _tool_events.ResponseWebSearchCallSearchingEvent
ResponseWsCompleted: TypeAlias = _lifecycle_events.ResponseCompletedEvent
ResponseWsCreated: TypeAlias = _lifecycle_events.ResponseCreatedEvent
ResponseWsFailed: TypeAlias = _lifecycle_events.ResponseFailedEvent
ResponseWsIncomplete: TypeAlias = _lifecycle_events.ResponseIncompleteEvent
ResponseWsQueued: TypeAlias = _lifecycle_events.ResponseQueuedEvent
