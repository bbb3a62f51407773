"""Training: the stages of a model, the gradient steps of each, and checkpoints."""
