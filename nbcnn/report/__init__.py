"""Plots and sentences about runs and comparisons, made from arrays that are handed in."""

from nbcnn.report.confusion import draw_confusion
from nbcnn.report.curves import draw_curves
from nbcnn.report.samples import draw_samples

__all__ = ["draw_confusion", "draw_curves", "draw_samples"]
