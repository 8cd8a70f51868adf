"""Templates of ``nbcnn plugin new``, one working plugin per kind. They are copied as files, not imported."""
