"""HTTP: routes by resource, one error shape, the web page."""
