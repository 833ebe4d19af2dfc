"""``frontview token``: a bearer token for trying the API.

Invariant: a token is only made with a secret that this configuration's web server verifies with.
"""

import click

from models import ConfigurationError, Settings, load_settings
from models.user_key import UserKey, parse_user_key


class UserKeyType(click.ParamType[UserKey]):
    """A user id as the API accepts it."""

    name = "user"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> UserKey:
        """Return the key that ``value`` spells; a usage error otherwise."""
        try:
            return parse_user_key(str(value))
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


@click.command()
@click.option("--user", required=True, type=UserKeyType(), metavar="ID", help="The user the token speaks for.")
@click.option("--admin", is_flag=True, help="Add the scope `admin`: every user's data, and the operator's calls.")
@click.option(
    "--ttl",
    type=click.IntRange(1, 366 * 86_400),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long it is valid.",
)
def token(user: UserKey, admin: bool, ttl: int) -> None:
    """Print a bearer token."""
    from web.tokens import issue_token  # noqa: PLC0415  brings the cryptography

    settings = load_settings()
    click.echo(
        issue_token(
            signing_secret(settings),
            user,
            admin=admin,
            ttl_seconds=ttl,
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
        )
    )


def signing_secret(settings: Settings) -> str:
    """Return the HS256 secret that the web server of this configuration verifies with.

    :raises ConfigurationError: there is none: tokens come from elsewhere, or nothing is configured.
    """
    from web.signing_keys import token_secret  # noqa: PLC0415  brings the cryptography

    is_new = not settings.data_dir.exists()
    if (secret := token_secret(settings)) is not None:
        if is_new and settings.data_dir.exists():  # somewhere else than the server was started, perhaps
            place = settings.data_dir.resolve()
            click.echo(f"Made a new secret in {place}; only a server that uses this folder takes the token.", err=True)
        return secret
    raise ConfigurationError(
        [
            "FRONTVIEW_JWKS_URL: tokens come from the issuer behind it, whose private key is not here; "
            "ask that issuer, or set FRONTVIEW_JWT_SECRET instead"
        ]
    )
