"""Runs a model's two towers with torch or OpenVINO, in several precisions, with the same vectors.

    Towers (torch modules) → the engines that this machine can run → measured once → the fastest

Owns OpenVINO, and torch beside the encoder. Neither is imported before an engine is opened. A
prepared OpenVINO engine is opened without torch.
"""

from mmembed.engines.names import AUTO, ENGINES, INT8, OPENVINO, Engine, Measured, check_name

__all__ = ["AUTO", "ENGINES", "INT8", "OPENVINO", "Engine", "Measured", "check_name"]
