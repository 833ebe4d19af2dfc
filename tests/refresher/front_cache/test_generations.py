"""A memory in two generations: bounded, and what is asked for stays."""

from refresher.front_cache.generations import Generations


def test_what_is_asked_for_once_a_generation_stays_and_the_rest_is_forgotten() -> None:
    memory: Generations[int, str] = Generations(10)
    memory.put(-1, "asked for")
    memory.put(-2, "not asked for")
    for number in range(100):
        memory.put(number, "passing")
        if number % 5 == 0:
            assert memory.get(-1) == "asked for"
    assert memory.get(-2) is None


def test_there_are_never_more_than_two_generations() -> None:
    memory: Generations[int, int] = Generations(10)
    for number in range(1000):
        memory.put(number, number)
        memory.get(number - 15)
        assert len(memory) <= 20


def test_what_is_put_again_is_replaced_wherever_it_was() -> None:
    memory: Generations[str, int] = Generations(2)
    for key, value in (("a", 1), ("b", 1), ("c", 1), ("a", 2)):
        memory.put(key, value)
    assert memory.get("a") == 2
