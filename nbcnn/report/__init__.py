"""The plots of a run folder: curves, confusion matrix, samples."""

from nbcnn.report.confusion import draw_confusion
from nbcnn.report.curves import draw_curves
from nbcnn.report.samples import draw_samples

__all__ = ["draw_confusion", "draw_curves", "draw_samples"]
