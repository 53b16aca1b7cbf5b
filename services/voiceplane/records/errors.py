"""What can go wrong with records.

RecordsError
    NoSuchCallError        nothing fits the id: the asker's mistake, or pruned
    AmbiguousCallError     the prefix fits more than one call
    InvalidRecordError     the record can never be stored: the sender's fault, do not send it again
    NewerSchemaError       the database was changed by a newer voiceplane: run that one
    RecordsAwayError       the records process or its database does not answer: try again
        RecordsUnreachedError  the process does not: is it started, is that its address?
"""


class RecordsError(Exception):
    """Any failure of the records area."""


class NoSuchCallError(RecordsError):
    """Nothing fits the id."""


class AmbiguousCallError(RecordsError):
    """The prefix fits more than one call."""


class InvalidRecordError(RecordsError):
    """The record can never be stored."""


class NewerSchemaError(RecordsError):
    """The database was changed by a newer voiceplane."""


class RecordsAwayError(RecordsError):
    """The records process or its database does not answer."""


class RecordsUnreachedError(RecordsAwayError):
    """Nothing answers at the address of the records process."""
