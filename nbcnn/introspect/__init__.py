"""Network summaries: shapes, parameters, cost and receptive field by layer."""
