"""The invented country of the embedded sample: a seeded generator that writes official file formats. Run
data/make_sample.py.
"""
