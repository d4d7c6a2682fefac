"""Reads events of OpenLineage, one a line, into the classes of its own client, which check them; prints what it understood."""

import json
import sys

import attr
from openlineage.client import event_v2, facet_v2

FACETS = {
    "parent": facet_v2.parent_run.ParentRunFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "sourceCodeLocation": facet_v2.source_code_location_job.SourceCodeLocationJobFacet,
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    "schema": facet_v2.schema_dataset.SchemaDatasetFacet,
    "dataSource": facet_v2.datasource_dataset.DatasourceDatasetFacet,
    "dataQualityMetrics": facet_v2.data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet,
}


def facets(given, unknown):
    """The facets that the client knows, made by its classes: a field that they do not have is an error."""
    known = {}
    for name, facet in (given or {}).items():
        cls = FACETS.get(name)
        if cls is None:
            unknown.append(name)
            continue
        fields = {key: value for key, value in facet.items() if not key.startswith("_")}
        assert cls._get_schema() == facet["_schemaURL"], (cls._get_schema(), facet["_schemaURL"])
        known[name] = cls(**fields)
    return known


def main():
    seen = []
    for line in sys.stdin:
        given = json.loads(line)
        unknown = []
        event = event_v2.RunEvent(
            eventTime=given["eventTime"],
            eventType=event_v2.RunState[given["eventType"]],
            run=event_v2.Run(runId=given["run"]["runId"], facets=facets(given["run"]["facets"], unknown)),
            job=event_v2.Job(
                namespace=given["job"]["namespace"],
                name=given["job"]["name"],
                facets=facets(given["job"]["facets"], unknown),
            ),
            inputs=[
                event_v2.InputDataset(
                    namespace=each["namespace"],
                    name=each["name"],
                    facets=facets(each.get("facets"), unknown),
                    inputFacets=facets(each.get("inputFacets"), unknown),
                )
                for each in given["inputs"]
            ],
            outputs=[
                event_v2.OutputDataset(
                    namespace=each["namespace"], name=each["name"], facets=facets(each.get("facets"), unknown)
                )
                for each in given["outputs"]
            ],
            producer=given["producer"],
        )
        assert attr.has(type(event))
        seen.append(
            {
                "state": event.eventType.name,
                "runId": event.run.runId,
                "job": event.job.name,
                "inputs": [each.name for each in event.inputs],
                "outputs": [each.name for each in event.outputs],
                "schema": event_v2.RunEvent._get_schema() == given["schemaURL"],
                "unknown": unknown,
            }
        )
    print(json.dumps(seen))


main()
