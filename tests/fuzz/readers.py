"""``READERS``: all fuzz targets, for the product and for the simulator."""

from __future__ import annotations

from fuzz import (
    answer_readers,
    cluster_readers,
    forge_readers,
    repository_readers,
    simulator_readers,
    source_readers,
    text_readers,
    trust_readers,
)
from fuzz.serving import webhook_readers

READERS = (
    *text_readers.READERS,
    *source_readers.READERS,
    *repository_readers.READERS,
    *cluster_readers.READERS,
    *answer_readers.READERS,
    *forge_readers.READERS,
    *simulator_readers.READERS,
    *trust_readers.READERS,
    *webhook_readers.READERS,
)
