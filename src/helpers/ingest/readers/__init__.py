"""Readers of the published formats. `read_folder` turns a folder of official files into tidy frames, or says
what is wrong.
"""

from helpers.ingest.readers.detect import FORMATS, Recognised, examine, recognise
from helpers.ingest.readers.folder import describe, read_file, read_folder
from helpers.ingest.readers.readings import FileReport, Readings

__all__ = [
    "FORMATS",
    "FileReport",
    "Readings",
    "Recognised",
    "describe",
    "examine",
    "read_file",
    "read_folder",
    "recognise",
]
