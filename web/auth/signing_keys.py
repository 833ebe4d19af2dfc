"""Keys that verify tokens: one shared secret, or the key set that an identity provider publishes.

Invariant: the configured kind of key determines the algorithms, never the token.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import jwt

from models.embedded import embedded_secret
from models.errors import ConfigurationError, FrontviewError
from models.settings import Settings

KEYS_TIMEOUT_SECONDS = 3
KEYS_PAUSE_SECONDS = 5


class KeysUnavailable(FrontviewError):
    """The published key set is not available at the moment, so the token cannot be verified."""


class UnknownKey(FrontviewError):
    """The token names no key, or a key that is not in the published set."""


class SigningKeys(Protocol):
    """The source of the keys that verify tokens."""

    algorithms: ClassVar[tuple[str, ...]]

    def key_for(self, token: str) -> Any:
        """Return the key that must have signed ``token``."""
        ...


class SharedSecret(SigningKeys):
    """One secret for HS256."""

    algorithms: ClassVar = ("HS256",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def key_for(self, token: str) -> str:
        """Return the secret."""
        return self._secret


class PublishedKeys(SigningKeys):
    """The key set of a JWKS URL, fetched when needed and kept for five minutes.

    A failed fetch is repeated only after :data:`KEYS_PAUSE_SECONDS`, so that an endpoint that hangs does not delay
    every request by its timeout. Keys that were fetched before are still used in the meantime.
    """

    algorithms: ClassVar = ("RS256", "ES256", "EdDSA")

    def __init__(self, url: str) -> None:
        self._client = _PausingClient(url)

    def key_for(self, token: str) -> jwt.PyJWK:
        """Return the published key that ``token`` names.

        :raises UnknownKey: it names no published key.
        :raises KeysUnavailable: the set cannot be fetched.
        """
        name = jwt.get_unverified_header(token).get("kid")
        if not name or not isinstance(name, str):
            raise UnknownKey("the token names no key")
        try:
            key = self._client.get_signing_key(name)
        except jwt.PyJWKClientError:
            raise UnknownKey("the token's key is not published") from None
        if key.algorithm_name not in self.algorithms:
            raise UnknownKey("the token's key is of a kind that is not accepted")
        return key


class _PausingClient(jwt.PyJWKClient):
    """PyJWT's client, with a pause after a failed fetch and one exception for all failures."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(url, cache_keys=False, timeout=KEYS_TIMEOUT_SECONDS)
        self._clock = clock
        self._paused_until = float("-inf")
        self._fetching = threading.Lock()

    def fetch_data(self) -> Any:
        """Return the key set that is published now."""
        with self._fetching:
            if self._clock() < self._paused_until:
                raise KeysUnavailable("the key set could not be fetched a moment ago")
            try:
                return super().fetch_data()
            except (jwt.PyJWTError, OSError, ValueError) as error:
                self._paused_until = self._clock() + KEYS_PAUSE_SECONDS
                raise KeysUnavailable("the key set cannot be fetched") from error


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
