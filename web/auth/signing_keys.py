"""Keys that verify tokens: one shared secret, or the key set that an identity provider publishes.

Invariant: the configured kind of key determines the algorithms, never the token.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import jwt

from models.embedded import embedded_secret
from models.errors import ConfigurationError, FrontviewError
from models.settings import Settings
from web.auth.key_fetcher import KeyFetcher
from web.auth.key_set import ALGORITHMS, fetch_key_set
from web.telemetry.worker_statistics import KeyStatistics


class UnknownKey(FrontviewError):
    """The token names no key, or a key that is not in the published set."""


class SigningKeys(Protocol):
    """The source of the keys that verify tokens."""

    algorithms: ClassVar[tuple[str, ...]]

    def key_for(self, token: str) -> Any:
        """Return the key that must have signed ``token``."""
        ...

    def start(self) -> None:
        """Start what keeps the keys fresh in this process; further calls do nothing."""
        return

    def statistics(self) -> KeyStatistics:
        """Return what was counted about the keys."""
        return KeyStatistics()


class SharedSecret(SigningKeys):
    """One secret for HS256."""

    algorithms: ClassVar = ("HS256",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def key_for(self, token: str) -> str:
        """Return the secret."""
        return self._secret


class PublishedKeys(SigningKeys):
    """The key set of a JWKS URL, which one thread of the process fetches."""

    algorithms: ClassVar = ALGORITHMS

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetcher = KeyFetcher(lambda: fetch_key_set(url), clock)

    def start(self) -> None:
        """Start to fetch the keys."""
        self._fetcher.start()

    def stop(self) -> None:
        """End the thread that fetches the keys."""
        self._fetcher.stop()

    def key_for(self, token: str) -> jwt.PyJWK:
        """Return the published key that ``token`` names.

        :raises UnknownKey: it names no published key.
        :raises KeysUnavailable: whether it does cannot be said now.
        """
        name = jwt.get_unverified_header(token).get("kid")
        if not name or not isinstance(name, str):
            raise UnknownKey("the token names no key")
        key = self._fetcher.find(name)
        if key is None:
            raise UnknownKey("the token's key is not published")
        if key.algorithm_name not in self.algorithms:
            raise UnknownKey("the token's key is of a kind that is not accepted")
        return key

    def statistics(self) -> KeyStatistics:
        """Return what was counted about the key set, and how old it is."""
        return self._fetcher.statistics()


def token_secret(settings: Settings) -> str | None:
    """Return the HS256 secret; None: a published key set verifies tokens.

    :raises ConfigurationError: neither is configured and the database is not the embedded one.
    """
    if settings.jwt_secret is not None:
        return settings.jwt_secret.get_secret_value()
    if settings.jwks_url is not None:
        return None
    if settings.database_url is None:
        return embedded_secret(settings.data_dir)
    raise ConfigurationError(
        [
            "FRONTVIEW_JWT_SECRET, FRONTVIEW_JWKS_URL: neither is set, so no token could be verified; set "
            "the secret (at least 32 bytes) or the URL of your identity provider's key set"
        ]
    )


def signing_keys(settings: Settings) -> SigningKeys:
    """Return the keys that verify tokens under these settings.

    :raises ConfigurationError: there are none.
    """
    secret = token_secret(settings)
    return PublishedKeys(str(settings.jwks_url)) if secret is None else SharedSecret(secret)
