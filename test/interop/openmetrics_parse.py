"""Parses expositions for openmetrics.test.ts: a JSON list of {format, text} comes in, what the parser saw goes out."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus_text

PARSERS = {"openmetrics": parse_openmetrics, "prometheus-text": parse_prometheus_text}


def read_exemplar(sample):
    exemplar = sample.exemplar
    if exemplar is None:
        return None
    timestamp = None if exemplar.timestamp is None else float(exemplar.timestamp)
    return {"labels": exemplar.labels, "value": exemplar.value, "timestamp": timestamp}


def parse(exposition):
    try:
        families = [
            {
                "name": family.name,
                "type": family.type,
                "unit": family.unit,
                "help": family.documentation,
                # As text, since JSON has neither NaN nor infinities.
                "samples": [
                    [sample.name, sample.labels, repr(float(sample.value)), read_exemplar(sample)]
                    for sample in family.samples
                ],
            }
            for family in PARSERS[exposition["format"]](exposition["text"])
        ]
        return {"families": families}
    except Exception as error:  # whatever the parser throws is its verdict
        return {"error": f"{type(error).__name__}: {error}"}


json.dump([parse(exposition) for exposition in json.load(sys.stdin)], sys.stdout)
