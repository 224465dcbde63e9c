"""Which unlabeled images are labeled next: the query strategies, registered by importing this package."""

from .base import QUERY_STRATEGIES, Query, QueryStrategy
from .ccms import (
    CategorySimilarityQuery,
    DiscrepancySimilarityQuery,
    EntropySimilarityQuery,
    PPALQuery,
)
from .cdal import ContextualDiversityQuery
from .class_balanced import ClassBalancedQuery
from .coreset import CoresetQuery, DiscrepancyCoresetQuery
from .dcus import CalibratedUncertaintyQuery
from .detections import EntropyQuery, LeastConfidenceQuery, MarginQuery
from .divproto import DiversePrototypeQuery
from .image_features import IMAGE_FEATURES
from .miaod import DiscrepancyQuery
from .near_duplicates import WithoutNearDuplicatesQuery
from .random import RandomQuery

__all__ = [
    'IMAGE_FEATURES',
    'QUERY_STRATEGIES',
    'CalibratedUncertaintyQuery',
    'CategorySimilarityQuery',
    'ClassBalancedQuery',
    'ContextualDiversityQuery',
    'CoresetQuery',
    'DiscrepancyCoresetQuery',
    'DiscrepancyQuery',
    'DiscrepancySimilarityQuery',
    'DiversePrototypeQuery',
    'EntropyQuery',
    'EntropySimilarityQuery',
    'LeastConfidenceQuery',
    'MarginQuery',
    'PPALQuery',
    'Query',
    'QueryStrategy',
    'RandomQuery',
    'WithoutNearDuplicatesQuery',
]
