"""Calls to AWS APIs with nothing but Python's standard library.

Enough of an SDK for this example: Signature Version 4, JSON services and the
REST form of Lambda. Real applications use boto3 or another SDK.
"""

import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request


class ApiError(Exception):
    def __init__(self, status, code, message):
        super().__init__("%s (%d): %s" % (code, status, message))
        self.status, self.code, self.message = status, code, message


class Client:
    """One endpoint; access keys and region come from the environment."""

    def __init__(self, endpoint):
        self.endpoint = endpoint.rstrip("/")
        self.region = os.environ.get("AWS_REGION", "us-east-1")
        self.access_key_id = os.environ.get("AWS_ACCESS_KEY_ID", "test")
        self.secret_access_key = os.environ.get("AWS_SECRET_ACCESS_KEY", "test")

    def states(self, operation, **members):
        """A call of Step Functions: `states("StartExecution", stateMachineArn=...)`."""
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AWSStepFunctions." + operation}
        return self.request("POST", "/", "states", json.dumps(members).encode(), headers)

    def awslambda(self, method, path, document=None):
        """A call of Lambda: `awslambda("POST", "/2015-03-31/functions", {...})`."""
        body = b"" if document is None else json.dumps(document).encode()
        return self.request(method, path, "lambda", body, {"content-type": "application/json"})

    def request(self, method, path, service, body, headers):
        url = self.endpoint + path
        host = urllib.parse.urlsplit(url).netloc
        signed = self.sign(method, path, service, body, {**headers, "host": host})
        request = urllib.request.Request(url, data=body or None, headers=signed, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                document = json.loads(text)
            except ValueError:
                document = {"message": text.decode(errors="replace")}
            code = error.headers.get("x-amzn-errortype") or document.get("__type") or "Unknown"
            message = document.get("message") or document.get("Message") or ""
            raise ApiError(error.code, code.split("#")[-1].split(":")[0], message) from None

    def sign(self, method, path, service, body, headers):
        """Adds what Signature Version 4 asks for."""
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = hashlib.sha256(body).hexdigest()
        headers = {**headers, "x-amz-date": at, "x-amz-content-sha256": digest}
        names = ";".join(sorted(headers))
        lines = "".join("%s:%s\n" % (name, headers[name].strip()) for name in sorted(headers))
        # The path is encoded once more, as every service but S3 wants it.
        target = urllib.parse.quote(path, safe="/-_.~")
        canonical = "\n".join([method, target, "", lines, names, digest])
        scope = "/".join([at[:8], self.region, service, "aws4_request"])
        text = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret_access_key).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
            self.access_key_id,
            scope,
            names,
            signature,
        )
        return headers
