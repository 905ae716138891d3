"""The layers that every request passes, whatever its route."""
