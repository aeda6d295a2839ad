"""What users install: the wheel and its version, the package for Debian, the image, and the service.

Tests that take minutes, such as whole Debian systems, are in packages/ and run by `make packages`.
"""
