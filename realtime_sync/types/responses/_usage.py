"""What a response used: tokens and tools."""

from typing import TypeAlias

from attrs import frozen

from realtime_sync.types._values import Usage

__all__ = [
    "ResponseToolUsage",
    "ResponseToolUsageImageGen",
    "ResponseToolUsageImageGenCachedTokensDetails",
    "ResponseToolUsageImageGenInputTokensDetails",
    "ResponseToolUsageImageGenOutputTokensDetails",
    "ResponseToolUsageImageGenTokensDetails",
    "ResponseToolUsageWebSearch",
    "ResponseUsage",
    "ResponseUsageInputTokensDetails",
    "ResponseUsageInputTokensDetailsCacheWriteTokensDetails",
    "ResponseUsageOutputTokensDetails",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseUsageInputTokensDetailsCacheWriteTokensDetails(Usage):
    """The tokens written to the prompt cache, by how long they stay."""

    ttl_12h_tokens: int | None = None
    ttl_30m_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseUsageInputTokensDetails(Usage):
    """The input tokens of a response, by kind."""

    cache_write_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens_details: ResponseUsageInputTokensDetailsCacheWriteTokensDetails | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseUsageOutputTokensDetails(Usage):
    """The output tokens of a response, by kind."""

    reasoning_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseUsage(Usage):
    """The tokens that a response used."""

    input_tokens: int | None = None
    input_tokens_details: ResponseUsageInputTokensDetails | None = None
    output_tokens: int | None = None
    output_tokens_details: ResponseUsageOutputTokensDetails | None = None
    total_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseToolUsageImageGenCachedTokensDetails(Usage):
    """The cached tokens of the image tool, by kind."""

    cached_image_tokens: int | None = None
    cached_text_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseToolUsageImageGenTokensDetails(Usage):
    """The tokens of the image tool, by kind."""

    image_tokens: int | None = None
    text_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseToolUsageImageGen(Usage):
    """The tokens that the image tool used."""

    input_tokens: int | None = None
    input_tokens_details: ResponseToolUsageImageGenTokensDetails | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: ResponseToolUsageImageGenCachedTokensDetails | None = None
    output_tokens_details: ResponseToolUsageImageGenTokensDetails | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseToolUsageWebSearch(Usage):
    """How often the web was searched."""

    num_requests: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseToolUsage(Usage):
    """What the tools of a response used."""

    image_gen: ResponseToolUsageImageGen | None = None
    web_search: ResponseToolUsageWebSearch | None = None


# The official SDK has a name for each place where one of these can stand.
ResponseToolUsageImageGenInputTokensDetails: TypeAlias = ResponseToolUsageImageGenTokensDetails
ResponseToolUsageImageGenOutputTokensDetails: TypeAlias = ResponseToolUsageImageGenTokensDetails
