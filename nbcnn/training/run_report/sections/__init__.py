"""The sections of a report, a file each: ``content(facts)`` gives what stands below the title."""
