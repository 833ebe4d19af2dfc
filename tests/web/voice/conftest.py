"""The tests of this folder are about the bundled voice application."""

from tests.voice_stage import voice_application  # noqa: F401  a fixture
