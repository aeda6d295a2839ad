"""The handset: a page in the owner's own browser, and the second leg that joins it to a call."""
