"""The check that tokens can be verified."""

from models.errors import ConfigurationError
from models.settings import Settings
from web.doctor.finding import Finding, failed, passed


def verification(settings: Settings) -> Finding:
    """Check that there is a secret, or a key set that can be fetched now and holds usable keys."""
    from web.auth.signing_keys import token_secret  # noqa: PLC0415  imports the cryptography

    try:
        secret = token_secret(settings)
    except ConfigurationError as error:
        return failed("tokens", "; ".join(error.faults), "Set one of them.")
    if secret:
        return passed("tokens", "verified with a shared secret")
    return _published(str(settings.jwks_url))


def _published(url: str) -> Finding:
    from web.auth.key_set import ALGORITHMS, KeySetUnusable, fetch_key_set  # noqa: PLC0415  as above

    try:
        keys = fetch_key_set(url).values()
    except KeySetUnusable as error:
        return failed(
            "tokens",
            f"the key set cannot be used: {error}",
            "Correct FRONTVIEW_JWKS_URL, or let this machine reach the identity provider.",
        )
    usable = [key.algorithm_name for key in keys if key.algorithm_name in ALGORITHMS]
    return passed("tokens", f"verified with {len(usable)} published keys ({', '.join(sorted(set(usable)))})")
