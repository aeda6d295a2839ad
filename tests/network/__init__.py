"""Tests on real interfaces: hosts in network namespaces, real overlays between them, every packet captured."""
