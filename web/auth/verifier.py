"""Authentication: only a verified bearer token determines the caller.

Invariant: no claim of a token is used before its signature, ``exp``, ``nbf``, ``aud`` and ``iss`` are checked. Answers
to invalid tokens give the reason in fixed words that contain nothing of the token. What a verified token said is cached
for at most 60 s and never at or after its ``exp``, for a bounded number of tokens and under their digests only.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import jwt
from cachetools import LRUCache
from jwt.exceptions import InvalidSubjectError

from models.settings import Settings
from models.user_key import INTEGER, UserKey, UserKind
from web.auth.claims import SUBJECT, claim_at
from web.auth.key_fetcher import KeysUnavailable
from web.auth.signing_keys import SigningKeys, UnknownKey, signing_keys
from web.auth.tokens import ADMIN_SCOPE, issue_token
from web.http.problems import Problem, unavailable
from web.telemetry.worker_statistics import KeyStatistics

__all__ = ["Caller", "TokenVerifier", "issue_token", "make_verifier"]

LEEWAY_SECONDS = 5
LONGEST_CACHED_SECONDS = 60.0
MOST_CACHED_TOKENS = 10_000  # To check a signature takes 127 µs, to look a token up 2 µs.
LONGEST_TOKEN = 8192
RETRY_KEYS_SECONDS = 5
_END_OF_TIME = 2**53  # A limit, because the `exp` of a token may be any whole number.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]+) *", re.IGNORECASE)
NOT_A_USER = "The token's claim of the user is no user id."
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidAudienceError, "The token is meant for another audience."),
    (jwt.InvalidIssuerError, "The token comes from another issuer."),
    (jwt.InvalidAlgorithmError, "The token is signed with an algorithm that is not accepted."),
    (InvalidSubjectError, NOT_A_USER),
    (jwt.InvalidSignatureError, "The token's signature does not verify."),
    (UnknownKey, "The token names no published key."),
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller, as a verified token identifies them.

    :param admin: whether they may read other users' data.
    :param expires_at: the token's ``exp``, as Unix time; ignored in comparisons.
    """

    user_id: UserKey
    admin: bool = False
    expires_at: float = field(default=_END_OF_TIME, compare=False)

    def subject(self, user: UserKey | None) -> UserKey:
        """Return the user whose data the caller gets: ``user``, or None for their own.

        Only the token decides, so the answer does not reveal whether that user exists.

        :raises Problem: 403, another user without being admin.
        """
        if user is None or user == self.user_id:
            return self.user_id
        if not self.admin:
            raise Problem(
                403,
                "not-yours",
                "The token does not allow reading other users' data.",
                headers={"WWW-Authenticate": _challenge("insufficient_scope", scope=ADMIN_SCOPE)},
            )
        return user

    def require_admin(self) -> None:
        """Check that the caller is an admin.

        :raises Problem: 403, they are not.
        """
        if not self.admin:
            raise Problem(
                403,
                "not-admin",
                "This is for operators: the token lacks admin in its scope.",
                headers={"WWW-Authenticate": _challenge("insufficient_scope", scope=ADMIN_SCOPE)},
            )


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verified(Generic[T]):
    """The claims of a verified token, and how long they may be used.

    :param expires_at: the token's ``exp``, by the wall clock.
    :param until: monotonic time, so that a clock that is set back cannot extend the minute.
    """

    value: T
    expires_at: float
    until: float

    def is_good(self, wall: float, monotonic: float) -> bool:
        """Return whether the claims may be used at that time."""
        return wall < self.expires_at and monotonic < self.until


class ClaimsCache(Generic[T]):
    """What verified tokens say, by the digest of the token and of the claim that names the user."""

    def __init__(
        self,
        capacity: int = MOST_CACHED_TOKENS,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries: LRUCache[bytes, Verified[T]] = LRUCache(capacity)
        self._lock = threading.Lock()
        self._wall, self._monotonic = wall, monotonic

    def get(self, token: str, claim: str = SUBJECT) -> Verified[T] | None:
        """Return the claims of ``token``; None: it was not verified yet, or too long ago."""
        digest = _digest(token, claim)
        with self._lock:
            entry = self._entries.get(digest)
            if entry is None:
                return None
            if entry.is_good(self._wall(), self._monotonic()):
                return entry
            del self._entries[digest]
        return None

    def put(self, token: str, value: T, expires_at: float, claim: str = SUBJECT) -> Verified[T]:
        """Store the claims of a token that has just been verified, and return them.

        :param expires_at: its ``exp``, as Unix time.
        """
        entry = Verified(value, expires_at, self._monotonic() + LONGEST_CACHED_SECONDS)
        if self._wall() < expires_at:  # Otherwise it was accepted within the leeway and is not worth an entry.
            with self._lock:
                self._entries[_digest(token, claim)] = entry
        return entry


class TokenVerifier:
    """Verifies ``Authorization`` headers against the configured source of keys.

    :param audience: the required ``aud``; None: a token that has one is refused, because it is meant for others.
    :param issuer: the required ``iss``; None: any.
    :param user_kind: returns the kind of the user keys, or raises what the caller of a request is told instead.
    :param claim: returns the claim that holds the user's key, as a dotted path.
    """

    def __init__(
        self,
        keys: SigningKeys,
        audience: str | None = None,
        issuer: str | None = None,
        cache: ClaimsCache[Caller] | None = None,
        *,
        user_kind: Callable[[], UserKind] = lambda: INTEGER,
        claim: Callable[[], str] = lambda: SUBJECT,
    ) -> None:
        self._user_kind, self._claim = user_kind, claim
        self._keys, self._audience, self._issuer = keys, audience, issuer
        self._cache: ClaimsCache[Caller] = ClaimsCache() if cache is None else cache

    def start(self) -> None:
        """Start what keeps the keys fresh in this process; the first token does so otherwise."""
        self._keys.start()

    def key_statistics(self) -> KeyStatistics:
        """Return what was counted about the keys."""
        return self._keys.statistics()

    def caller(self, authorization: str | None, claim: str | None = None) -> Caller:
        """Return the caller that the ``Authorization`` header identifies.

        :param claim: the one that holds the user's key; None: the present one.
        :raises Problem: 401; or 503, the keys that verify the token are not available.
        """
        return self.verified(authorization, claim).value

    def verified(self, authorization: str | None, claim: str | None = None) -> Verified[Caller]:
        """Return the caller, and how long the token need not be verified again.

        :raises Problem: as :meth:`caller`.
        """
        token = _bearer_token(authorization)
        claim = claim or self._claim()
        if (known := self._cache.get(token, claim)) is not None:
            return known
        caller = _caller(self._verified_claims(token, claim), self._user_kind(), claim)
        return self._cache.put(token, caller, caller.expires_at, claim)

    def _verified_claims(self, token: str, claim: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                self._keys.key_for(token),
                algorithms=list(self._keys.algorithms),
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                # `iat` is not checked: a server whose clock is behind would refuse every fresh token.
                options={
                    "require": ["exp", SUBJECT] if claim == SUBJECT else ["exp"],
                    "verify_iat": False,
                    "verify_sub": claim == SUBJECT,
                    "enforce_minimum_key_length": True,
                },
            )
        except KeysUnavailable:
            detail = "The keys that verify tokens cannot be fetched at the moment."
            raise unavailable("keys-unavailable", detail, RETRY_KEYS_SECONDS) from None
        except (jwt.PyJWTError, UnknownKey, ValueError, RecursionError) as error:
            raise _invalid(_reason(error)) from None


def make_verifier(
    settings: Settings,
    user_kind: Callable[[], UserKind] = lambda: INTEGER,
    *,
    claim: Callable[[], str] = lambda: SUBJECT,
) -> TokenVerifier:
    """Return the verifier that these settings configure; it fetches no keys yet.

    :param user_kind: and ``claim``: as :class:`TokenVerifier` takes them.
    :raises ConfigurationError: no way to verify tokens is configured.
    """
    keys, audience, issuer = signing_keys(settings), settings.jwt_audience, settings.jwt_issuer
    return TokenVerifier(keys, audience, issuer, user_kind=user_kind, claim=claim)


def _bearer_token(authorization: str | None) -> str:
    if not authorization:
        raise Problem(
            401,
            "no-token",
            "This address needs a bearer token in the header Authorization.",
            headers={"WWW-Authenticate": 'Bearer realm="frontview"'},
        )
    if len(authorization) > LONGEST_TOKEN:
        raise _invalid("The token is too long.")
    if not (match := _BEARER.fullmatch(authorization)):
        raise _invalid("The Authorization header holds no bearer token.")
    return match[1]


def _caller(claims: dict[str, Any], kind: UserKind, claim: str) -> Caller:
    """Return the caller that verified claims identify."""
    value = claim_at(claims, claim)
    if value is None:
        raise _invalid(NOT_A_USER, f"The token lacks the claim {claim}, which holds the user's id here.")
    try:
        user_id = kind.parse_claim(value)
    except ValueError as error:
        raise _invalid(NOT_A_USER, f"The token's claim {claim} is no user id here: {error}.") from None
    scope = claims.get("scope")
    scopes = scope.split() if isinstance(scope, str) else scope if isinstance(scope, list) else ()
    return Caller(user_id, ADMIN_SCOPE in scopes, min(int(claims["exp"]), _END_OF_TIME))


def _reason(error: Exception) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"The token lacks the claim {error.claim}."
    return next((text for kind, text in _REASONS if isinstance(error, kind)), "The token is ill-formed.")


def _invalid(description: str, detail: str = "") -> Problem:
    """Return the 401.

    :param detail: what the body says instead, if it names a claim, which may have characters that no header has.
    """
    challenge = _challenge("invalid_token", description)
    return Problem(401, "invalid-token", detail or description, headers={"WWW-Authenticate": challenge})


def _challenge(error: str, description: str = "", scope: str = "") -> str:
    """Return a ``WWW-Authenticate`` value (RFC 6750)."""
    text = f'Bearer realm="frontview", error="{error}"'
    if description:
        text += f', error_description="{description}"'
    return text + (f', scope="{scope}"' if scope else "")


def _digest(token: str, claim: str) -> bytes:
    return hashlib.sha256(f"{token} {claim}".encode("utf-8", "surrogateescape")).digest()
