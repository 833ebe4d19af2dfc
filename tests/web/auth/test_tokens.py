"""Which bearer tokens are believed."""

import base64
import json
import time
from itertools import count

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.web.web_fakes import SECRET, FakeWorker, bearer, make_app
from web.auth.signing_keys import SharedSecret
from web.auth.tokens import issue_token
from web.auth.verifier import LONGEST_CACHED_SECONDS, Caller, ClaimsCache, TokenVerifier
from web.http.problems import Problem

NOW = int(time.time())
GOOD = {"sub": "7", "exp": NOW + 7200}


def signed(claims: dict, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def segment(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def unsigned(header: dict, claims: dict = GOOD) -> str:
    return f"{segment(header)}.{segment(claims)}."


def refused(token: str, **settings: object) -> str:
    """Return the description in the challenge of the 401 that ``token`` is answered with."""
    worker = FakeWorker()
    client = make_app(worker, **settings).test_client()
    response = client.get("/api/v1/view/renewals", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert response.content_type == "application/problem+json"
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="frontview", error="invalid_token", error_description="')
    assert worker.read_path.asked == []
    assert SECRET not in response.text + challenge
    assert token not in response.text + challenge
    return challenge.split("error_description=")[1].strip('"')


def caller(token: str, verifier: TokenVerifier | None = None) -> Caller:
    return (verifier or TokenVerifier(SharedSecret(SECRET))).caller(f"Bearer {token}")


def test_a_good_token_names_its_user():
    assert caller(signed(GOOD)) == Caller(7, admin=False)


@pytest.mark.parametrize("scope", ["admin", "read admin", " admin ", ["admin"], ["read", "admin"]])
def test_the_scope_makes_an_admin(scope):
    assert caller(signed(GOOD | {"scope": scope})).admin


@pytest.mark.parametrize(
    "scope", ["", "Admin", "administrator", "read", [], ["admins"], [["admin"]], None, True, {"admin": 1}, 7]
)
def test_nothing_else_makes_an_admin(scope):
    assert not caller(signed(GOOD | {"scope": scope})).admin


def test_an_issued_token_is_believed():
    assert caller(issue_token(SECRET, 12, True, 60)) == Caller(12, admin=True)
    assert caller(issue_token(SECRET, 12)) == Caller(12)
    assert jwt.decode(issue_token(SECRET, 1, ttl_seconds=60), SECRET, ["HS256"])["exp"] <= time.time() + 60


def test_no_token_is_a_401_that_says_how_to_come_back():
    response = make_app(FakeWorker()).test_client().get("/api/v1/view/renewals?from=bad")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="frontview"'
    assert response.json["type"] == "urn:frontview:problem:no-token"


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Basic YTpi", "bearer: x", "Bearer a b", "Bearer a,b", "Token x", "Bearer é"],
)
def test_a_header_without_a_bearer_token_is_a_401(header):
    encoded = header.encode().decode("latin-1")
    response = make_app(FakeWorker()).test_client().get("/api/v1/view/renewals", headers={"Authorization": encoded})
    assert response.status_code == 401
    assert "invalid_token" in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_case_insensitive(scheme):
    headers = {"Authorization": bearer()["Authorization"].replace("Bearer", scheme)}
    assert make_app(FakeWorker()).test_client().get("/api/v1/view/renewals", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (GOOD | {"exp": NOW - 60}, "expired"),
        (GOOD | {"exp": "never"}, "ill-formed"),
        (GOOD | {"exp": float("inf")}, "ill-formed"),
        (GOOD | {"nbf": NOW + 7200}, "not valid yet"),
        (GOOD | {"aud": "somebody-else"}, "audience"),
        ({"sub": "7"}, "lacks"),
        ({"exp": NOW + 7200}, "lacks"),
        ({"sub": None, "exp": NOW + 7200}, "lacks"),
        *((GOOD | {"sub": sub}, "user id") for sub in ("", "-0", "+7", "07", "7.0", " 7", "ann", "9" * 25, "7\x00", 7)),
    ],
)
def test_claims_that_do_not_hold_are_a_401(claims, reason):
    assert reason in refused(signed(claims))


def test_a_token_issued_by_a_clock_ahead_of_ours_is_believed():
    assert caller(signed(GOOD | {"iat": NOW + 3600})) == caller(signed(GOOD))


def test_an_exp_beyond_all_time_is_only_far_away():
    assert caller(signed(GOOD | {"exp": 10**400})) == Caller(7)


def test_a_token_just_expired_is_let_through_by_the_leeway_and_not_remembered():
    cache: ClaimsCache[Caller] = ClaimsCache()
    token = signed(GOOD | {"exp": int(time.time()) - 1})
    assert caller(token, TokenVerifier(SharedSecret(SECRET), cache=cache)) == Caller(7)
    assert cache.get(token) is None


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (signed(GOOD, "another-secret-of-more-than-32-bytes"), "signature"),
        (signed(GOOD, SECRET * 2, "HS512"), "algorithm"),
        (signed(GOOD)[:-4] + "AAAA", "signature"),
        (signed(GOOD).rsplit(".", 1)[0] + ".", "signature"),
        (unsigned({"alg": "none", "typ": "JWT"}), "algorithm"),
        (unsigned({"alg": "None"}), "algorithm"),
        (unsigned({"alg": ""}), ""),
        (unsigned({"alg": "RS256"}), "algorithm"),
        (unsigned({"alg": 7}), ""),
        (unsigned({}), ""),
        (unsigned({"alg": "HS256", "crit": ["x"]}), ""),
        ("a.b.c", "ill-formed"),
        ("...", "ill-formed"),
        ("abc", "ill-formed"),
        (f"{segment([])}.{segment(GOOD)}.", "ill-formed"),
        (f"{segment(b'[' * 3000)}.{segment(GOOD)}.", "ill-formed"),
        ("a" * 9000, "too long"),
    ],
    ids=count(),
)
def test_a_token_that_is_not_ours_is_a_401(token, reason):
    assert reason in refused(token)


def test_a_token_signed_with_a_public_key_as_if_it_were_a_secret_is_a_401():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "algorithm" in refused(jwt.encode(GOOD, key, algorithm="RS256"))


def test_audience_and_issuer_are_required_when_configured():
    settings = {"jwt_audience": "frontview", "jwt_issuer": "https://issuer.example"}
    assert "lacks" in refused(signed(GOOD), **settings)
    assert "audience" in refused(signed(GOOD | {"aud": "x", "iss": "https://issuer.example"}), **settings)
    assert "issuer" in refused(signed(GOOD | {"aud": "frontview", "iss": "x"}), **settings)
    token = issue_token(SECRET, 7, audience="frontview", issuer="https://issuer.example")
    client = make_app(FakeWorker(), **settings).test_client()
    assert client.get("/api/v1/view/renewals", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_whose_data_a_caller_gets():
    assert Caller(7).subject(None) == 7
    assert Caller(7).subject(7) == 7
    assert Caller(7, admin=True).subject(8) == 8
    with pytest.raises(Problem) as caught:
        Caller(7).subject(8)
    assert caught.value.status == 403


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_verified_claims_are_used_for_a_minute_at_most():
    wall, monotonic = Clock(), Clock()
    cache: ClaimsCache[Caller] = ClaimsCache(wall=wall, monotonic=monotonic)
    cache.put("token", Caller(7), expires_at=99_999.0)
    monotonic.now += LONGEST_CACHED_SECONDS - 0.001
    assert cache.get("token").value == Caller(7)
    monotonic.now += 0.001
    wall.now -= 500  # a clock set back does not stretch the minute
    assert cache.get("token") is None


def test_verified_claims_are_never_used_past_exp():
    wall = Clock()
    cache: ClaimsCache[Caller] = ClaimsCache(wall=wall, monotonic=Clock())
    cache.put("token", Caller(7), expires_at=1010.0)
    wall.now = 1009.9
    assert cache.get("token").value == Caller(7)
    wall.now = 1010.0
    assert cache.get("token") is None


def test_a_caller_knows_when_the_token_ends_remembered_or_not():
    token = signed(GOOD)
    verifier = TokenVerifier(SharedSecret(SECRET))
    assert [caller(token, verifier).expires_at for _ in range(2)] == [GOOD["exp"]] * 2
    assert caller(signed(GOOD | {"exp": 10**400})).expires_at < float("inf")


def test_verified_claims_are_bounded_and_hold_no_token():
    cache: ClaimsCache[Caller] = ClaimsCache(capacity=2)
    for token in ("one", "two", "three"):
        cache.put(token, Caller(7), time.time() + 60)
    assert cache.get("one") is None
    assert [cache.get(token).value for token in ("two", "three")] == [Caller(7), Caller(7)]
    assert b"two" not in b"".join(cache._entries)


def test_a_remembered_token_is_not_verified_again():
    class Counting(SharedSecret):
        asked = 0

        def key_for(self, token: str) -> str:
            Counting.asked += 1
            return super().key_for(token)

    verifier = TokenVerifier(Counting(SECRET))
    token = signed(GOOD)
    assert [caller(token, verifier) for _ in range(3)] == [Caller(7)] * 3
    assert Counting.asked == 1
