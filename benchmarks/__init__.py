"""Measurements that are repeated by hand, and the results they gave."""
