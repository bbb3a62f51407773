"""One file a paper: the module that reads as the paper, and the estimator around it."""
