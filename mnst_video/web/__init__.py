"""The studio: a page in the browser in which a clip is planned, seen and rendered.

A thin layer over the functions that the command line calls. What is made in it is a preset.
"""
