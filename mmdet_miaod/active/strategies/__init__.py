"""Query strategies by name; importing this package registers them."""

from .class_balanced import ClassBalancedQuery
from .coreset import CoresetQuery, DiscrepancyCoresetQuery
from .instances import EntropyQuery, LeastConfidenceQuery, MarginQuery
from .near_duplicates import WithoutNearDuplicatesQuery

__all__ = [
    'ClassBalancedQuery',
    'CoresetQuery',
    'DiscrepancyCoresetQuery',
    'EntropyQuery',
    'LeastConfidenceQuery',
    'MarginQuery',
    'WithoutNearDuplicatesQuery',
]
