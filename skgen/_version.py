"""The version, in one place: the package shows it and files carry it."""

__version__ = "0.1.0"
