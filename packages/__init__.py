"""What is built for people to install, and what proves it on whole Debian systems. `make packages` runs the tests here.

debian/ makes the package for Debian, systems/ makes and boots the machines that they are tried on.
"""
