"""The mathematics of the papers as nn.Modules: losses, samplers, likelihoods, completions."""
