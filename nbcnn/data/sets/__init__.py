"""The named data sets, one file each; a file that is put here is found."""
