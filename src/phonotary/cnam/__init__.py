"""WHAT NAME IS SHOWN: display names, their registration and their delivery."""
