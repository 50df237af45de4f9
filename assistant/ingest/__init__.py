"""From files to passages: readers, splitting, and adding what they find to the store."""
