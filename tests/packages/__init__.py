"""What people install: the wheel and its version, the package for Debian, the image, and the service.

What takes minutes, such as whole Debian systems, is in packages/ and run by `make packages`.
"""
