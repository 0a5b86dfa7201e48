"""Helpers of the attendance baseline workbook: the method as pure functions, thin edges around it."""

__version__ = "0.2.0"
