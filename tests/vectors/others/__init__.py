"""Vectors of other authors for the primitives that we use. README.md says where they come from."""
