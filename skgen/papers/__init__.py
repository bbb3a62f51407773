"""The papers' mathematics: the modules of each paper, in its symbols, and their parts.

A module here has losses, draws rows, and encodes, decodes, scores and completes them as far as the
paper does. It works on tensors only, and knows neither scikit-learn nor frames nor training.
"""
