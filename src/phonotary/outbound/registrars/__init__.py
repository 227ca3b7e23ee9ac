"""The databases that calling names are registered with, one module for each way in."""
