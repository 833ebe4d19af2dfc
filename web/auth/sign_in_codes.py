"""One-use sign-in codes: a bearer token is sealed under a code, which is stored nowhere, and given out once.

Invariant: the database holds only the digest of a code, and the token encrypted with a key derived from the code. With
read access to the table nobody can decrypt a token; with write access nobody can insert a token that they do not have.
"""

import re
import secrets
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.connection import Connection
from models.errors import FrontviewError

CODE_BYTES = 32
CODE_LENGTH = 43  # The length of CODE_BYTES bytes in base64url, without padding.
_CODE = re.compile(rf"[A-Za-z0-9_-]{{{CODE_LENGTH}}}")
_KEY_BYTES, _NONCE_BYTES = 32, 12
_PURPOSE = b"frontview sign-in code, version 1"


class SignInCode(NamedTuple):
    """A new code, and when it expires."""

    code: str
    expires_at: datetime


class SealBroken(FrontviewError):
    """The sealed token cannot be decrypted with this code: it was changed, or sealed under another code."""


def is_code(text: str) -> bool:
    """Return whether ``text`` has the form of a code."""
    return _CODE.fullmatch(text) is not None


def digest_of(code: str) -> bytes:
    """Return the digest under which the database stores ``code``; 256 random bits need no slow hash."""
    return sha256(code.encode()).digest()


def seal(token: str, code: str) -> bytes:
    """Return ``token``, encrypted so that only ``code`` decrypts it: the nonce, then AES-256-GCM's output."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(_key(code)).encrypt(nonce, token.encode(), _PURPOSE)


def unseal(sealed: bytes, code: str) -> str:
    """Return the token that was sealed under ``code``.

    :raises SealBroken: it was sealed under another code, or was changed.
    """
    try:
        opened = AESGCM(_key(code)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _PURPOSE)
        return opened.decode()
    except (InvalidTag, ValueError):  # ValueError: it is too short for a nonce, or is no text.
        raise SealBroken("this code does not open what is kept for it") from None


def make_sign_in_code(connection: Connection, token: str, valid_seconds: int) -> SignInCode:
    """Store ``token`` and return the code that redeems it, once, within ``valid_seconds``.

    :param connection: one of the schema's owner, or of a role that may execute ``make_sign_in_code``.
    """
    code = secrets.token_urlsafe(CODE_BYTES)
    values = (digest_of(code), seal(token, code), valid_seconds)
    row = connection.execute("SELECT frontview.make_sign_in_code(%s, %s, %s)", values).fetchone()
    if row is None:
        raise FrontviewError("The database gave no answer to the making of a code.")
    return SignInCode(code, row[0])


def redeem_sign_in_code(connection: Connection, code: str) -> str | None:
    """Return the token that was stored for ``code`` and use up the code; None: there is no such token.

    :param connection: in autocommit, so that the code is used up before the token is decrypted.
    :raises SealBroken: the stored token was not sealed under this code.
    """
    row = connection.execute("SELECT frontview.redeem_sign_in_code(%s)", (digest_of(code),)).fetchone()
    return None if row is None or row[0] is None else unseal(bytes(row[0]), code)


def _key(code: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(code.encode())
