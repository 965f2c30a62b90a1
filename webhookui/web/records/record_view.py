"""What pages show of records: names behind ids, the difference between two people's saves, a record's latest events."""




RELATED_SHOWN, RELATED_COLUMNS = 5, 3
"""Records of a page of a related list, and its columns beside the name."""
