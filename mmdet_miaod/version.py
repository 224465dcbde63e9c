"""The version of the project, in one place: setup.py reads this file too."""

__version__ = '0.1.0'
