"""Does the method keep what it promises? Back-tests on outcomes that nothing was fitted to, and the table of
bars.
"""
