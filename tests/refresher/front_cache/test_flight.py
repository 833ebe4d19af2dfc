"""Single flight: one computation a key, and landing frees all who wait."""

import threading

from refresher.front_cache.flight import Flight, SingleFlight


def test_the_second_to_enter_waits_for_the_first() -> None:
    flights: SingleFlight[str, str, int] = SingleFlight()
    first, mine = flights.enter("a", lambda: "began")
    second, not_mine = flights.enter("a", lambda: "never called")
    assert (mine, not_mine) == (True, False)
    assert second is first
    assert second.subject == "began"


def test_different_keys_fly_at_once() -> None:
    flights: SingleFlight[str, str, int] = SingleFlight()
    assert flights.enter("a", str)[1]
    assert flights.enter("b", str)[1]
    assert len(flights) == 2


def test_landing_hands_over_the_outcome_and_ends_the_flight() -> None:
    flights: SingleFlight[str, str, int] = SingleFlight()
    flight, _ = flights.enter("a", str)
    flights.land("a", flight, 42)
    assert flight.wait(0)
    assert flight.outcome == 42
    assert len(flights) == 0
    assert flights.enter("a", str)[1]


def test_a_failed_owner_frees_those_who_wait() -> None:
    flights: SingleFlight[str, str, int] = SingleFlight()
    owned, _ = flights.enter("a", str)
    waiting, outcomes = threading.Barrier(4), []

    def wait() -> None:
        flight, _ = flights.enter("a", str)
        waiting.wait(5)
        outcomes.append((flight.wait(5), flight.outcome))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    waiting.wait(5)
    flights.land("a", owned, None)
    for thread in threads:
        thread.join(5)
    assert outcomes == [(True, None)] * 3


def test_waiting_is_bounded() -> None:
    flight: Flight[str, int] = Flight("running")
    assert not flight.wait(0)
    assert not flight.wait(-1)


def test_a_beginning_that_fails_leaves_no_flight_behind() -> None:
    flights: SingleFlight[str, str, int] = SingleFlight()

    def fail() -> str:
        raise ValueError

    for _ in range(2):
        try:
            flights.enter("a", fail)
        except ValueError:
            continue
    assert len(flights) == 0


def test_a_flight_that_is_not_good_enough_goes_on_beside_another() -> None:
    flights: SingleFlight[str, str, int] = SingleFlight()
    slow, _ = flights.enter("a", str)
    quick, mine = flights.enter("a", str, instead_of=slow)
    again, not_mine = flights.enter("a", str, instead_of=slow)
    assert (mine, not_mine) == (True, False)
    assert again is quick
    flights.land("a", slow, 1)
    assert (slow.outcome, quick.wait(0)) == (1, False)
    assert flights.enter("a", str) == (quick, False)
    flights.land("a", quick, 2)
    assert len(flights) == 0
