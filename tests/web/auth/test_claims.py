"""The claim that holds the user's key, wherever an issuer puts it."""

import jwt
import pytest

from models.user_key import INTEGER, TEXT, UUID, UserKey, UserKind
from tests.web.web_fakes import SECRET
from web.auth.claims import claim_at
from web.auth.signing_keys import SharedSecret
from web.auth.tokens import issue_token
from web.auth.verifier import TokenVerifier
from web.http.problems import Problem

ID = "0b6e7bb2-7f0c-4b5e-8f0a-1c2d3e4f5a6b"
FAR = 4_000_000_000


def user_of(claims: dict[str, object], kind: UserKind, claim: str) -> UserKey:
    verifier = TokenVerifier(SharedSecret(SECRET), user_kind=lambda: kind, claim=lambda: claim)
    return verifier.caller(f"Bearer {jwt.encode(claims | {'exp': FAR}, SECRET)}").user_id


@pytest.mark.parametrize(
    ("claims", "kind", "claim", "user"),
    [
        ({"sub": "7"}, INTEGER, "sub", 7),
        ({"sub": "7"}, TEXT, "sub", "7"),
        ({"sub": ID}, UUID, "sub", ID),
        ({"sub": "google|7", "app": {"ids": {"shop": "o'b/ :Ü*"}}}, TEXT, "app.ids.shop", "o'b/ :Ü*"),
        ({"https://example.com/user": "7"}, INTEGER, "https://example.com/user", 7),
        ({"a.b": "1", "a": {"b": "2"}}, INTEGER, "a.b", 1),
        ({"sub": 5, "user": "7"}, INTEGER, "user", 7),
    ],
)
def test_the_user_is_what_the_claim_holds(claims: dict[str, object], kind: UserKind, claim: str, user: UserKey) -> None:
    assert user_of(claims, kind, claim) == user


@pytest.mark.parametrize(
    ("claims", "kind", "claim"),
    [
        ({}, INTEGER, "sub"),
        ({"sub": "7"}, INTEGER, "user"),
        ({"sub": "7"}, INTEGER, "sub.id"),
        ({"user": 7}, INTEGER, "user"),
        ({"user": "07"}, INTEGER, "user"),
        ({"user": {"id": 7}}, TEXT, "user.id"),
        ({"user": ["7"]}, TEXT, "user"),
        ({"user": "a\nb"}, TEXT, "user"),
        ({"sub": ID.upper()}, UUID, "sub"),
    ],
)
def test_a_token_without_a_user_in_it_is_refused(claims: dict[str, object], kind: UserKind, claim: str) -> None:
    with pytest.raises(Problem) as raised:
        user_of(claims, kind, claim)
    assert raised.value.status == 401


def test_a_verified_token_names_another_user_once_another_claim_is_declared() -> None:
    declared = ["sub"]
    verifier = TokenVerifier(SharedSecret(SECRET), claim=lambda: declared[0])
    token = f"Bearer {jwt.encode({'sub': '7', 'shop': '8', 'exp': FAR}, SECRET)}"
    for claim, user in (("sub", 7), ("shop", 8), ("sub", 7)):
        declared[0] = claim
        assert verifier.caller(token).user_id == user


def test_an_issued_token_has_the_user_where_it_is_looked_for() -> None:
    token = issue_token(SECRET, "o'b/ :Ü*", claim="app.user")
    assert claim_at(jwt.decode(token, SECRET, algorithms=["HS256"]), "app.user") == "o'b/ :Ü*"
    verifier = TokenVerifier(SharedSecret(SECRET), user_kind=lambda: TEXT, claim=lambda: "app.user")
    assert verifier.caller(f"Bearer {token}").user_id == "o'b/ :Ü*"
