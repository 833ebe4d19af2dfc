"""What is sealed under a code is opened by that code alone, and only as it was."""

import pytest

from web.auth.sign_in_codes import SealBroken, digest_of, is_code, seal, unseal

CODE, OTHER = "A" * 43, "A" * 42 + "B"
TOKEN = "header.claims.signature"


def test_a_code_opens_what_was_sealed_under_it() -> None:
    assert unseal(seal(TOKEN, CODE), CODE) == TOKEN


def test_another_code_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        unseal(seal(TOKEN, CODE), OTHER)


def test_a_change_of_any_byte_is_noticed() -> None:
    sealed = seal(TOKEN, CODE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            unseal(bytes(changed), CODE)


@pytest.mark.parametrize("length", [0, 1, 11, 12, 27])
def test_a_part_of_it_is_no_seal(length: int) -> None:
    with pytest.raises(SealBroken):
        unseal(seal(TOKEN, CODE)[:length], CODE)


def test_what_is_stored_shows_neither_token_nor_code_and_is_new_each_time() -> None:
    sealed = seal(TOKEN, CODE)
    assert TOKEN.encode() not in sealed
    assert CODE.encode() not in sealed + digest_of(CODE)
    assert seal(TOKEN, CODE) != sealed


def test_the_digest_is_not_the_key() -> None:
    """Who reads the digest beside the seal cannot use it to open the seal."""
    with pytest.raises(SealBroken):
        unseal(seal(TOKEN, CODE), digest_of(CODE).hex())
    assert digest_of(CODE) != digest_of(OTHER)


@pytest.mark.parametrize(
    "text", ["", "A" * 42, "A" * 44, "A" * 43 + "\n", "A" * 42 + "=", "A" * 42 + "ä", "A" * 42 + "+"]
)
def test_other_forms_are_no_codes(text: str) -> None:
    assert not is_code(text)
    assert is_code(CODE)
