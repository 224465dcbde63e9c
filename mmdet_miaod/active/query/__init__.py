"""Which unlabeled images are labeled next: the query strategies, registered by importing this package."""

from .base import QUERY_STRATEGIES, Query, QueryStrategy
from .class_balanced import ClassBalancedQuery
from .coreset import CoresetQuery, DiscrepancyCoresetQuery
from .detections import EntropyQuery, LeastConfidenceQuery, MarginQuery
from .image_features import IMAGE_FEATURES
from .miaod import DiscrepancyQuery
from .near_duplicates import WithoutNearDuplicatesQuery
from .random import RandomQuery

__all__ = [
    'IMAGE_FEATURES',
    'QUERY_STRATEGIES',
    'ClassBalancedQuery',
    'CoresetQuery',
    'DiscrepancyCoresetQuery',
    'DiscrepancyQuery',
    'EntropyQuery',
    'LeastConfidenceQuery',
    'MarginQuery',
    'Query',
    'QueryStrategy',
    'RandomQuery',
    'WithoutNearDuplicatesQuery',
]
