"""Tables: frames of mixed columns as numbers and back, and what people put around a model."""
