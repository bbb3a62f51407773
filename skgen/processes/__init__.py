"""Stateless mathematics of the stochastic processes: schedules, kernels, integrators."""
