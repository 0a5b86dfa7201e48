"""Test and learn: designing a trial of support, reading its results, checking our own promises, and what may
be changed on that evidence.
"""
