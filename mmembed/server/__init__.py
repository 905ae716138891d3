"""HTTP: routes by resource, one error shape, the web page."""

from mmembed.server.app import create_app

__all__ = ["create_app"]
