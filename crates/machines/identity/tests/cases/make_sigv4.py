#!/usr/bin/env python3
"""Writes sigv4.json: requests signed by botocore, as they go over the wire.

Run by hand with botocore from PyPI: python make_sigv4.py
"""

import base64
import datetime
import json
from pathlib import Path
from urllib.parse import urlsplit

import botocore
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 11, 22, 14, 6, 14, tzinfo=datetime.timezone.utc)
botocore.auth.get_current_datetime = lambda remove_tzinfo=True: NOW.replace(tzinfo=None) if remove_tzinfo else NOW

# AWS's documentation key; it opens nothing.
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLE//token+=="

FUNCTION_ARN = "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af"


def request(name, url="http://127.0.0.1:8083/", method="POST", service="states", region="us-east-1", body="",
            headers=None, kind="header", token=False, expires=900):
    return dict(name=name, url=url, method=method, service=service, region=region, body=body,
                headers=headers or {}, kind=kind, token=token, expires=expires)


def json_headers(operation):
    return {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"}


def requests():
    for operation in ("ListStateMachines", "StartExecution", "GetActivityTask"):
        yield request(f"states {operation}", headers=json_headers(operation), body="{}")
    yield request("states with a session", headers=json_headers("ListActivities"), body="{}", token=True)
    yield request("states on AWS's host", url="https://states.eu-central-1.amazonaws.com/", region="eu-central-1",
                  headers=json_headers("ListActivities"), body="{}")
    yield request("states on the sync host", url="http://sync-localhost:8083/", headers=json_headers("StartSyncExecution"),
                  body='{"stateMachineArn":"a"}')
    yield request("a body of many bytes", headers=json_headers("StartExecution"), body='{"input":"é€😀"}')
    yield request("a large body", headers=json_headers("StartExecution"), body="x" * 100_000)
    yield request("no body", headers=json_headers("ListStateMachines"))
    yield request("https on port 443", url="https://localhost:443/", headers=json_headers("ListStateMachines"), body="{}")
    yield request("http on port 80", url="http://localhost:80/", headers=json_headers("ListStateMachines"), body="{}")
    yield request("an IPv6 host", url="http://[::1]:8083/", headers=json_headers("ListStateMachines"), body="{}")
    for region in ("us-gov-west-1", "cn-north-1", "local"):
        yield request(f"region {region}", region=region, headers=json_headers("ListStateMachines"), body="{}")
    yield request("blanks in header values", headers={"X-Amz-Meta-A": "  a   b  c ", "X-Amz-Meta-B": "a\tb"}, body="{}")
    yield request("quoted blanks in header values", headers={"X-Amz-Meta-A": '"a   b"'}, body="{}")
    yield request("an empty header value", headers={"X-Amz-Meta-A": ""}, body="{}")
    yield request("header names of any case", headers={"x-AMZ-meta-ZZ": "z", "X-amz-Meta-aa": "a"}, body="{}")
    yield request("unsigned headers beside", headers={"User-Agent": "ua", "Expect": "100-continue", "X-Amzn-Trace-Id": "Root=1"})
    yield request("a date header instead", headers={"Date": "Sun, 22 Nov 2026 14:06:14 GMT"}, body="{}")
    yield request("an unsigned payload", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, body="anything")
    yield request("a stated chunk scheme", service="s3", method="PUT", url="http://localhost:8083/b/k",
                  headers={"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, body="chunks")
    yield request("a session header of another case", headers={"x-amz-target": "AWSStepFunctions.ListActivities"}, token=True)

    lambda_url = "http://localhost:8083/2015-03-31/functions"
    yield request("lambda invoke", service="lambda", url=f"{lambda_url}/f/invocations?Qualifier=1", body='{"a":1}',
                  headers={"X-Amz-Invocation-Type": "Event"})
    yield request("lambda with an encoded ARN", service="lambda", url=f"{lambda_url}/{FUNCTION_ARN}/configuration", method="GET")
    yield request("lambda with a bare ARN", service="lambda", url=f"{lambda_url}/arn:aws:lambda:us-east-1:1:function:f", method="GET")
    yield request("lambda list", service="lambda", url=f"{lambda_url}/?MaxItems=10&Marker=a%2Bb%2F%3D", method="GET")
    yield request("lambda tags", service="lambda", method="DELETE",
                  url=f"http://localhost:8083/2017-03-31/tags/{FUNCTION_ARN}?tagKeys=b&tagKeys=a&tagKeys=a%20b")
    yield request("two slashes", service="lambda", url="http://localhost:8083//2015-03-31//functions/", method="GET")
    yield request("dot segments", service="execute-api", url="http://localhost:8083/a/./b/../c", method="GET")
    yield request("an encoded blank in the path", service="execute-api", url="http://localhost:8083/a%20b/%E2%82%AC", method="GET")
    yield request("unreserved characters", service="execute-api", url="http://localhost:8083/-._~/A0?-._~=-._~", method="GET")
    yield request("reserved characters", service="execute-api", url="http://localhost:8083/!*'();@&=+$,", method="GET")
    yield request("query keys sorted", service="execute-api", url="http://localhost:8083/?b=2&a=1&B=3&A=4&ab=5", method="GET")
    yield request("query values sorted", service="execute-api", url="http://localhost:8083/?a=z&a=b&a=", method="GET")
    yield request("query with UTF-8", service="execute-api", url="http://localhost:8083/?%E1%88%B4=bar", method="GET")
    for method in ("PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
        yield request(f"method {method}", service="execute-api", url="http://localhost:8083/r", method=method)
    yield request("sts form", service="sts", body="Action=GetCallerIdentity&Version=2011-06-15",
                  headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})

    yield request("s3 object", service="s3", method="PUT", url="http://localhost:8083/bucket/a%20b//c/./d", body="data", kind="s3-header")
    yield request("s3 list", service="s3", method="GET", url="http://localhost:8083/bucket?list-type=2&prefix=a%2Fb", kind="s3-header")
    yield request("s3 with a session", service="s3", method="GET", url="http://localhost:8083/bucket/key", kind="s3-header", token=True)
    yield request("s3 presigned", service="s3", method="GET", url="http://localhost:8083/bucket/a%20b", kind="s3-query")
    yield request("s3 presigned put", service="s3", method="PUT", url="http://localhost:8083/bucket/k", kind="s3-query", token=True, body="any")

    yield request("sts presigned", service="sts", method="GET",
                  url="https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15", kind="query", expires=60)
    yield request("presigned with a session", service="execute-api", method="GET", url="http://localhost:8083/a?b=c%20d",
                  kind="query", token=True)
    yield request("presigned with a signed header", service="sts", method="GET", kind="query",
                  url="https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity", headers={"x-k8s-aws-id": "cluster"})
    yield request("presigned for a week", service="execute-api", method="GET", url="http://localhost:8083/", kind="query", expires=604800)


def sign(case):
    headers = dict(case["headers"])
    # botocore would move the body of a presigned request into its URL.
    signed_body = None if case["kind"].endswith("query") else case["body"].encode()
    aws_request = AWSRequest(method=case["method"], url=case["url"], headers=headers, data=signed_body)
    credentials = Credentials(KEY, SECRET, TOKEN if case["token"] else None)
    signer = {
        "header": botocore.auth.SigV4Auth,
        "s3-header": botocore.auth.S3SigV4Auth,
        "query": botocore.auth.SigV4QueryAuth,
        "s3-query": botocore.auth.S3SigV4QueryAuth,
    }[case["kind"]]
    extra = {"expires": case["expires"]} if case["kind"].endswith("query") else {}
    signer(credentials, case["service"], case["region"], **extra).add_auth(aws_request)
    prepared = aws_request.prepare()
    url = urlsplit(prepared.url)
    wire_headers = [[name, value if isinstance(value, str) else value.decode()] for name, value in prepared.headers.items()]
    if not any(name.lower() == "host" for name, _ in wire_headers):
        # What an HTTP client sends: a default port is left out.
        default = {"http": 80, "https": 443}[url.scheme]
        wire_headers.append(["Host", url.netloc.removesuffix(f":{default}")])
    body = case["body"].encode()
    repeated = {"repeat": len(body), "byte": "x"} if body and set(body) == {ord("x")} else None
    return {
        "name": case["name"],
        "service": case["service"],
        "region": case["region"],
        "presigned": case["kind"].endswith("query"),
        "session": case["token"],
        "method": prepared.method,
        "uri": (url.path or "/") + (f"?{url.query}" if url.query else ""),
        "headers": wire_headers,
        "body": repeated or base64.b64encode(body).decode(),
    }


def main():
    cases = [sign(case) for case in requests()]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    head = {"botocore": botocore.__version__, "now_ms": int(NOW.timestamp() * 1000), "access_key_id": KEY,
            "secret_access_key": SECRET, "session_token": TOKEN}
    text = json.dumps(head)[:-1] + f', "cases": [\n{lines}\n]}}\n'
    (Path(__file__).parent / "sigv4.json").write_text(text, encoding="utf-8")
    print(f"{len(cases)} requests")


if __name__ == "__main__":
    main()
