"""The conformance suite: the tests that every backend must pass. ``nbcnn kernels check`` runs it.

``check_backend(op, name)`` gives a Report; docs/checking.md says what is checked.
"""

from nbcnn.conformance.options import Options
from nbcnn.conformance.report import Failure, Report
from nbcnn.conformance.suite import check_backend, check_backends

__all__ = ["Failure", "Options", "Report", "check_backend", "check_backends"]
