"""Encodes in one number of one answer exactly which writes that answer contains.

Every user has, on each day of the window, one call whose cost is the user's tag, far above all other bits. A row of
the load costs 2^bit cents. Plain rows use the low bits, unique in their (user, day); rows that move use the bits above,
unique in the whole run, so that they can be told apart wherever they are. A day's cost is then a bit mask.

Invariant: no two rows that can be in one (user, day) at the same time have the same bit.
"""

DAYS = 30  # of the window, which ends on the day the run began; day 0 is the oldest
RECENT_DAYS = 10  # before the last day of the window, which the tiers of recent days hold in these runs
OLD_DAYS = DAYS - 1 - RECENT_DAYS  # from day 0 on: those of the archives
PLAIN_BITS = 40  # bits 0..39: rows that are inserted, and perhaps deleted, but never move
MOVING_BITS = 10  # bits 40..49
TAG_SHIFT = PLAIN_BITS + MOVING_BITS
MOST_USERS = 4_000  # the tag must fit a bigint beside the bits: 4,000 * 2^50 < 2^63
BIT_MASK = (1 << TAG_SHIFT) - 1
PLAIN_ROWS = DAYS * PLAIN_BITS  # that one user can have


def tag(user: int) -> int:
    """Return the user's tag, by which a foreign number gives itself away."""
    assert 0 < user <= MOST_USERS
    return user << TAG_SHIFT


def plain_place(user: int, number: int) -> tuple[int, int]:
    """Return (day, bit) of a user's plain row of that number.

    Rows of consecutive numbers share a day, as a busy day's calls do; the order of days differs between users.
    """
    chunk, bit = divmod(number, PLAIN_BITS)
    assert chunk < DAYS
    return (DAYS - 1 - chunk * 7 - user) % DAYS, bit


def bits_of(mask: int) -> list[int]:
    """Return the positions of the set bits, lowest first."""
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
