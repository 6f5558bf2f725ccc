"""Fixtures of the providers' tests."""

from tests.providers.servers import api, raw

__all__ = ["api", "raw"]
