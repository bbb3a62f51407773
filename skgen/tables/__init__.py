"""Frames of mixed columns as numbers and back, pipelines, imputer, over-sampler, predictors."""
