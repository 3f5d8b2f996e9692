# Tests that are larger than one folder.
