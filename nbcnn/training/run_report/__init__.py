"""``report.html`` of a run folder: what a training was, did and cost, on one page."""
