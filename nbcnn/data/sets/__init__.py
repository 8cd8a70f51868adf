"""The named data sets: each file in this folder is one."""
