"""``frontview token``: prints a bearer token for the API, or a link that signs in to the pages once.

Invariant: a token is made only with the secret that this configuration's web server verifies with. A link's code
follows its ``#``, so browsers do not send it to any server.
"""

import re
from datetime import UTC
from typing import TYPE_CHECKING

import click

from models import ConfigurationError, Settings, load_settings
from web.cli.operator import operator_connection, user_of

if TYPE_CHECKING:
    from models.connection import Connection


class BaseUrlType(click.ParamType[str]):
    """The address under which people reach the pages."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address without a slash at its end; a usage error unless a path can be appended to it."""
        if not re.fullmatch(r"https?://([^\s/?#@:\[\]]+|\[[^\s/?#@\[\]]+\])(:\d+)?(/[^\s?#]*)?", str(value)):
            self.fail(f"{value!r}: expected http:// or https://, a host, and optionally a path", param, ctx)
        return str(value).rstrip("/")


@click.command()
@click.option("--user", required=True, metavar="ID", help="The user whom the token identifies.")
@click.option("--admin", is_flag=True, help="Add the scope `admin`: every user's data, and the operators' endpoints.")
@click.option(
    "--ttl",
    type=click.IntRange(1, 366 * 86_400),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long the token is valid.",
)
@click.option("--link", is_flag=True, help="Print a link to the page, which signs in once, instead of a token.")
@click.option(
    "--base-url",
    type=BaseUrlType(),
    default="http://127.0.0.1:8000",
    show_default=True,
    metavar="URL",
    help="Address of the web server in the link.",
)
@click.option(
    "--link-ttl",
    type=click.IntRange(1, 86_400),
    default=900,
    show_default=True,
    metavar="SECONDS",
    help="How long the link is valid, at most as long as the token.",
)
def token(user: str, admin: bool, ttl: int, link: bool, base_url: str, link_ttl: int) -> None:
    """Print a bearer token, or a link that signs in once.

    The database tells what a user's id looks like; whether there is that user is not checked.

    With --link, the link leads to the user's dashboard, or with --admin to the operator's page. It can be made only by
    the database's owner in FRONTVIEW_DATABASE_URL, or by a role that may execute frontview.make_sign_in_code.
    """
    from web.auth.tokens import issue_token  # noqa: PLC0415  imports the cryptography

    settings = load_settings()
    secret = signing_secret(settings)
    page = page_link(reachable(base_url, settings.url_prefix), admin) if link else ""
    with operator_connection() as connection:
        key, claim = user_of(connection, user), _claim_of(connection)
    issued = issue_token(
        secret,
        key,
        admin=admin,
        ttl_seconds=ttl,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        claim=claim,
    )
    if link:
        _print_link(issued, page, min(link_ttl, ttl))
    else:
        click.echo(issued)


def reachable(base_url: str, url_prefix: str) -> str:
    """Return the address with the path under which the web server answers.

    :raises ConfigurationError: the address has another path.
    """
    origin, slash, path = base_url.partition("://")[2].partition("/")
    if slash + path not in ("", url_prefix):
        fault = f"FRONTVIEW_URL_PREFIX: the web server does not answer under /{path} of --base-url {base_url}"
        raise ConfigurationError([f"{fault}; set this variable to /{path}, for the web server, too"])
    return f"{base_url.partition('://')[0]}://{origin}{url_prefix}"


def page_link(base_url: str, admin: bool) -> str:
    """Return the link to the page of users, or of operators, up to and without the code."""
    return f"{base_url}/{'ops' if admin else ''}#code="


def _claim_of(connection: "Connection") -> str:
    """Return the claim in which the installed application finds the user's key."""
    from views_sql.operations.database import active_declaration  # noqa: PLC0415
    from web.auth.claims import SUBJECT  # noqa: PLC0415

    installed = active_declaration(connection)
    return SUBJECT if installed is None else installed.proven.claim


def _print_link(issued: str, page: str, valid_seconds: int) -> None:
    from web.auth.sign_in_codes import make_sign_in_code  # noqa: PLC0415  imports the cryptography

    with operator_connection() as connection:
        made = make_sign_in_code(connection, issued, valid_seconds)
    click.echo(f"{page}{made.code}")
    click.echo(f"It signs in once, until {made.expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}.", err=True)


def signing_secret(settings: Settings) -> str:
    """Return the HS256 secret that the web server of this configuration verifies with.

    :raises ConfigurationError: there is none: another issuer makes the tokens, or nothing is configured.
    """
    from web.auth.signing_keys import token_secret  # noqa: PLC0415  imports the cryptography

    is_new = not settings.data_dir.exists()
    if (secret := token_secret(settings)) is not None:
        if is_new and settings.data_dir.exists():  # The server may use another folder.
            place = settings.data_dir.resolve()
            click.echo(f"Made a new secret in {place}; only a server that uses this folder takes the token.", err=True)
        return secret
    raise ConfigurationError(
        [
            "FRONTVIEW_JWKS_URL: tokens come from the issuer behind it, whose private key is not here; "
            "ask that issuer, or set FRONTVIEW_JWT_SECRET instead"
        ]
    )
