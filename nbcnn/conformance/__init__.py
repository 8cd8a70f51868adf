"""The conformance suite: what every backend must do, whoever wrote it. ``nbcnn kernels check`` is its command.

``check_backend(op, name)`` gives a Report; docs/checking.md says what is checked.
"""

from nbcnn.conformance.options import Options
from nbcnn.conformance.report import Failure, Report
from nbcnn.conformance.suite import check_backend, check_backends

__all__ = ["Failure", "Options", "Report", "check_backend", "check_backends"]
