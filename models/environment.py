"""Settings as they are written in environments and files of secrets, and variables that set nothing.

Invariant: a variable that Kubernetes injects for a service (`FRONTVIEW_…_PORT=tcp://…`) never sets anything, and no
sentence about a variable contains its value.
"""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SecretsSettingsSource

from models.errors import ConfigurationError

PREFIX = "FRONTVIEW_"
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")  # The value of a service's link, under a name that ends in _PORT.
_OTHER_LINK = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")


def as_written(text: str | None) -> str | None:
    """Return the value that ``text`` writes, or None if it writes none.

    White space around a value and one pair of quotes around it are not part of it: files of variables keep the quotes
    where no shell reads them, and files of secrets end in a line break.
    """
    value = (text or "").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return value or None


def is_service_link(name: str, value: str) -> bool:
    """Return whether Kubernetes has set this variable because a service has a name like one of our settings."""
    is_link = name.upper().endswith("_PORT") and _SERVICE_LINK.match(value.strip())
    return bool(is_link or _OTHER_LINK.fullmatch(name.upper()))


class Variables(EnvSettingsSource):
    """The environment's variables as they are meant; an empty one counts as not set."""

    def __init__(self, settings: type[BaseSettings]) -> None:
        super().__init__(settings)
        self.env_vars = {
            name: as_written(value) for name, value in self.env_vars.items() if not is_service_link(name, value or "")
        }


class SecretFiles(SecretsSettingsSource):
    """Files of secrets as they are meant; an empty one counts as missing."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of a setting's file, its key, and whether it is JSON.

        :raises ConfigurationError: the file cannot be read.
        """
        try:
            value, key, is_json = super().get_field_value(field, field_name)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            fault = f"{PREFIX}{field_name.upper()}: the file of this name among the secrets cannot be read: {reason}"
            raise ConfigurationError([fault]) from None
        return as_written(value), key, is_json


def questionable_variables(environment: Mapping[str, str], settings: Collection[str]) -> list[str]:
    """Return a sentence about each variable that looks like a setting and sets nothing.

    :param settings: the names of all settings, without the prefix and in lower case.
    """
    known = {PREFIX + setting.upper(): setting.upper() for setting in settings}
    sentences = []
    for name, value in sorted(environment.items()):
        if name.upper() in known and is_service_link(name, value):
            sentences.append(f"{name}: Kubernetes sets it to the address of a service of that name, so it is not used")
        elif name.startswith(PREFIX) and name.upper() not in known and not is_service_link(name, value):
            near = get_close_matches(name.removeprefix(PREFIX), known.values(), 1)
            hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
            sentences.append(f"{name}: there is no such setting{hint}")
    return sentences
