"""The tests of this folder migrate the bundled voice application beside projects."""

from tests.voice_stage import voice_application  # noqa: F401  a fixture
