"""``nbcnn check``: advice on architectures; each rule is one file in ``rules``."""

from nbcnn.introspect.check.advice import check
from nbcnn.introspect.check.finding import Finding, Report

__all__ = ["Finding", "Report", "check"]
