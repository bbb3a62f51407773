"""Training: the stages of a model, gradient steps on each, and files of fits that may be killed."""
