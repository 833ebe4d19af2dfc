"""Tables, settings, connections, errors: the ground floor; imports nothing else of ours."""

from models.errors import ConfigurationError, FrontviewError
from models.settings import Settings, load_settings

__all__ = ["ConfigurationError", "FrontviewError", "Settings", "load_settings"]
