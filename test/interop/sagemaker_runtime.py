"""What AWS's own client of SageMaker's runtime makes of a server that it is pointed at, case by case: one line of JSON."""

import json
import struct
import sys
import traceback

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

client = boto3.client(
    "sagemaker-runtime",
    endpoint_url=sys.argv[1],
    region_name="eu-central-1",
    aws_access_key_id="not-a-key",
    aws_secret_access_key="not-a-secret",
    config=Config(retries={"total_max_attempts": 1}),
)
cases = {}


def case(function):
    try:
        function()
        cases[function.__name__] = "ok"
    except Exception:
        cases[function.__name__] = traceback.format_exc()[-2000:]
    return function


def invoke(body, content_type="application/json", endpoint="an-endpoint", **rest):
    return client.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=content_type, **rest)


def refused(status, word, **arguments):
    try:
        invoke(**arguments)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        assert word in str(error.response) or word in str(error), error.response
        return
    raise AssertionError("not refused")


@case
def json_body():
    answer = invoke(json.dumps({"instances": [[1, 2], [3.5, -4]]}))
    assert answer["ContentType"] == "application/json"
    assert json.loads(answer["Body"].read()) == {"predictions": [[2, 4], [7, -8]]}


@case
def csv_body():
    answer = invoke("1,2\n3.5,-4\n", "text/csv", Accept="text/csv")
    assert answer["ContentType"].startswith("text/csv")
    assert [[float(field) for field in line.split(",")] for line in answer["Body"].read().decode().splitlines()] == [
        [2, 4],
        [7, -8],
    ]


@case
def raw_bytes():
    answer = invoke(struct.pack("<2f", 1, 2), "application/octet-stream", Accept="application/octet-stream")
    assert struct.unpack("<2f", answer["Body"].read()) == (2, 4)


@case
def custom_attributes():
    answer = invoke("[[1, 2]]", CustomAttributes="trace_id=7;tenant=a", InferenceId="an-id")
    assert answer["CustomAttributes"] == "trace_id=7;tenant=a"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-sagemaker-inference-id"] == "an-id", headers


@case
def target_model():
    body = json.dumps({"instances": [{"x": [1, 2]}], "params": {"scale": 3}})
    answer = invoke(body, TargetModel="tabular")
    assert json.loads(answer["Body"].read()) == {"predictions": [{"total": 9, "label": "yes"}]}
    same = invoke(body, endpoint="tabular")
    assert json.loads(same["Body"].read()) == {"predictions": [{"total": 9, "label": "yes"}]}


@case
def refusals():
    refused(400, "400", body=b"{}")
    refused(415, "415", body=b"<a/>", content_type="application/xml")
    refused(404, "404", body=b"[[1, 2]]", TargetModel="../../etc/passwd")


@case
def loaded_model():
    answer = invoke("[[1, 2]]", TargetModel="loaded")
    assert json.loads(answer["Body"].read()) == [[2, 4]]


print(json.dumps(cases))
