"""``lanes``, a vector type of 16 numbers, one for each image of a pack, and the functions kernels use on it."""

from nbcnn.compiler.remedies import LANE_FUNCTIONS
from nbcnn.lanes.words import *  # noqa: F403
from nbcnn.lanes.words import __all__ as __all__

LANE_FUNCTIONS[:] = __all__  # so that a message about a misspelt one can name it
