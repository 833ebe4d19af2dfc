"""Tables, settings, connections, errors: the lowest package, which imports none of the others."""

from models.errors import ConfigurationError, FrontviewError
from models.settings import Settings, load_settings

__all__ = ["ConfigurationError", "FrontviewError", "Settings", "load_settings"]
