"""Network summaries (shapes, parameters, cost, receptive field by layer) and expanded network files."""
