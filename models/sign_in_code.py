"""The table of one-use sign-in codes, in schema ``frontview``.

Invariant: nobody can sign in with a row alone: the code that decrypts the token is not stored, only its digest.
"""

import sqlalchemy as sa

from models.base import SCHEMA, metadata

# Written by `make_sign_in_code`, deleted by `redeem_sign_in_code`; the leader deletes expired rows.
sign_in_code = sa.Table(
    "sign_in_code",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True, comment="SHA-256 of the code"),
    sa.Column("sealed", sa.LargeBinary, nullable=False, comment="a bearer token, encrypted with a key from the code"),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
    sa.CheckConstraint("octet_length(sealed) <= 16384", name="sealed"),
    schema=SCHEMA,
)
