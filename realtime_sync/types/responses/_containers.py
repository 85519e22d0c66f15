"""Where tools run code: containers, local environments, their networks and skills."""

from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple

__all__ = [
    "ContainerAuto",
    "ContainerAutoNetworkPolicy",
    "ContainerAutoSkill",
    "ContainerNetworkPolicyAllowlist",
    "ContainerNetworkPolicyDisabled",
    "ContainerNetworkPolicyDomainSecret",
    "ContainerReference",
    "FunctionShellToolEnvironment",
    "InlineSkill",
    "InlineSkillSource",
    "LocalEnvironment",
    "LocalSkill",
    "ResponseContainerReference",
    "ResponseFunctionShellToolCallEnvironment",
    "ResponseInputItemShellCallEnvironment",
    "ResponseLocalEnvironment",
    "SkillReference",
]


@frozen(kw_only=True, eq=False, repr=False)
class ContainerNetworkPolicyDomainSecret(WireObject):
    """A secret that a container may send to one domain."""

    name: str | None = None
    domain: str | None = None
    value: str | None = field(default=None, repr=False)


@frozen(kw_only=True, eq=False, repr=False)
class ContainerNetworkPolicyDisabled(WireObject):
    """No network."""

    type: ClassVar[Literal["disabled"]] = "disabled"


@frozen(kw_only=True, eq=False, repr=False)
class ContainerNetworkPolicyAllowlist(WireObject):
    """A network of listed domains only."""

    type: ClassVar[Literal["allowlist"]] = "allowlist"
    allowed_domains: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    domain_secrets: tuple[ContainerNetworkPolicyDomainSecret, ...] | None = field(default=None, converter=as_tuple)


ContainerAutoNetworkPolicy: TypeAlias = ContainerNetworkPolicyDisabled | ContainerNetworkPolicyAllowlist | UnknownObject
"""What network a container has, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class SkillReference(WireObject):
    """A skill that was uploaded before."""

    type: ClassVar[Literal["skill_reference"]] = "skill_reference"
    skill_id: str | None = None
    version: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class InlineSkillSource(WireObject):
    """The archive of a skill."""

    type: str | None = "base64"
    data: str | None = field(default=None, repr=False)
    media_type: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class InlineSkill(WireObject):
    """A skill that comes with the request."""

    type: ClassVar[Literal["inline"]] = "inline"
    name: str | None = None
    description: str | None = None
    source: InlineSkillSource | None = None


ContainerAutoSkill: TypeAlias = SkillReference | InlineSkill | UnknownObject
"""A skill for a container, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class LocalSkill(WireObject):
    """A skill in a local directory."""

    name: str | None = None
    description: str | None = None
    path: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ContainerAuto(WireObject):
    """A container made for the request."""

    type: ClassVar[Literal["container_auto"]] = "container_auto"
    file_ids: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    memory_limit: str | None = UNSET
    """``1g``, ``4g``, ``16g`` or ``64g``."""
    network_policy: ContainerAutoNetworkPolicy | None = None
    skills: tuple[ContainerAutoSkill, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class LocalEnvironment(WireObject):
    """The client's own machine."""

    type: ClassVar[Literal["local"]] = "local"
    skills: tuple[LocalSkill, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ContainerReference(WireObject):
    """A container that exists."""

    type: ClassVar[Literal["container_reference"]] = "container_reference"
    container_id: str | None = None


FunctionShellToolEnvironment: TypeAlias = ContainerAuto | LocalEnvironment | ContainerReference | UnknownObject
"""Where a shell tool runs, told by ``type``."""


ResponseInputItemShellCallEnvironment: TypeAlias = LocalEnvironment | ContainerReference | UnknownObject
"""Where a shell call runs, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseLocalEnvironment(WireObject):
    """The client's own machine, as the server names it."""

    type: ClassVar[Literal["local"]] = "local"


ResponseFunctionShellToolCallEnvironment: TypeAlias = ResponseLocalEnvironment | ContainerReference | UnknownObject
"""Where a shell call runs, as the server names it."""


# The official SDK has a name for each place where one of these can stand.
ResponseContainerReference: TypeAlias = ContainerReference
