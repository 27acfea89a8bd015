# Runs a Python function against the Lambda Runtime API.
#
# It speaks HTTP over one plain socket instead of importing an HTTP library:
# that keeps the start of an environment short.
import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback

SHIM_PATH = os.path.abspath(__file__)
# Where functions believe to live; stack traces show it in place of the real folder.
SHOWN_ROOT = "/var/task"


class Fault(Exception):
    """An error of the function that has a name of its own."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type, self.message, self.trace = error_type, message, list(trace)


class RuntimeApi:
    """The client of the Runtime API: one connection, kept open."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.address, self.peer = address, (host, int(port))
        self.socket = self.reader = None
        # What the function starts has no business with it.
        self.token = os.environ.pop("WINDLASS_RUNTIME_TOKEN", "")

    def request(self, method, path, body=b"", headers=()):
        if self.socket is None:
            self.socket = socket.create_connection(self.peer)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.reader = self.socket.makefile("rb")
        lines = ["%s /2018-06-01/runtime/%s HTTP/1.1" % (method, path), "Host: " + self.address]
        lines.append("Windlass-Runtime-Token: " + self.token)
        lines.append("Content-Length: %d" % len(body))
        lines.extend("%s: %s" % (name, header_text(value)) for name, value in headers)
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode("latin-1") + body)
        status_line = self.reader.readline()
        if not status_line:
            sys.exit(0)
        status = int(status_line.split()[1])
        answer = {}
        while True:
            line = self.reader.readline().rstrip(b"\r\n")
            if not line:
                break
            name, _, value = line.partition(b":")
            answer[name.decode("latin-1").lower()] = value.strip().decode("utf-8")
        content = self.reader.read(int(answer.get("content-length", "0")))
        if status >= 500:
            sys.exit(1)
        return status, answer, content


def header_text(value):
    """A class may have any name, a header only printable ASCII."""
    return "".join(character if " " <= character <= "~" else "?" for character in value)


class ClientContext:
    """What a mobile client sends along."""

    def __init__(self, document):
        self.custom = document.get("custom")
        self.env = document.get("env")
        client = document.get("client") or {}
        self.client = type("Client", (), {})()
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self.client, name, client.get(name))


class CognitoIdentity:
    """Who called, where Cognito knows it."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class LambdaContext:
    """The second argument of a handler."""

    def __init__(self, headers):
        environment = os.environ
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.function_name = environment.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = environment.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environment.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environment.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = CognitoIdentity()
        client_context = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(client_context)) if client_context else None
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))
        sys.stdout.flush()


class LogHandler(logging.Handler):
    """Writes records to standard output in Lambda's form."""

    request_id = ""

    def emit(self, record):
        record.aws_request_id = LogHandler.request_id
        sys.stdout.write(self.format(record))


def shown_path(path):
    root = os.environ.get("LAMBDA_TASK_ROOT", "")
    if root and path.startswith(root + os.sep):
        return SHOWN_ROOT + path[len(root):]
    return path


def stack_lines(trace):
    lines = []
    for frame in traceback.extract_tb(trace):
        if os.path.abspath(frame.filename) == SHIM_PATH:
            continue
        line = '  File "%s", line %s, in %s\n' % (shown_path(frame.filename), frame.lineno, frame.name)
        if frame.line:
            line += "    %s\n" % frame.line.strip()
        lines.append(line)
    return lines


def error_document(error_type, message, trace, request_id=""):
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def log_error(document):
    text = "[ERROR] %s: %s" % (document["errorType"], document["errorMessage"])
    if document["stackTrace"]:
        text += "\nTraceback (most recent call last):\n" + "".join(document["stackTrace"]).rstrip("\n")
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def to_json_bytes(document):
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")


def encode_other(value):
    """Decimals become numbers, as DynamoDB's items hold them."""
    if type(value).__module__ in ("decimal", "_pydecimal"):
        if value.is_nan():
            raise ValueError("The provided value is not a number: NaN")
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def load_handler(name):
    try:
        module_path, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, error))
    try:
        module = importlib.import_module(module_path.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_path, error))
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (shown_path(error.filename or ""), error.lineno, (error.text or "").rstrip("\n"))]
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_path, error), trace)
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_path))


def current_error(request_id=""):
    kind, value, trace = sys.exc_info()
    if isinstance(value, Fault):
        return error_document(value.error_type, value.message, value.trace, request_id)
    # The frames of the import machinery are no business of the function's author.
    lines = [line for line in stack_lines(trace) if "<frozen importlib" not in line and "importlib/__init__.py" not in line]
    return error_document(kind.__name__, str(value), lines, request_id)


def answer_of(handler, body, context):
    try:
        event = json.loads(body)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
    result = handler(event, context)
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    try:
        return json.dumps(result, ensure_ascii=False, default=encode_other).encode("utf-8")
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)


def main():
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    log_handler = LogHandler()
    log_form = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"
    )
    log_form.converter = time.gmtime
    log_handler.setFormatter(log_form)
    logging.getLogger().addHandler(log_handler)

    # The folder of this file must not shadow modules of the function.
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception:
        document = current_error()
        log_error(document)
        api.request(
            "POST", "init/error", to_json_bytes(document),
            [("Lambda-Runtime-Function-Error-Type", document["errorType"])],
        )
        sys.exit(1)

    while True:
        status, headers, body = api.request("GET", "invocation/next")
        if status != 200:
            sys.exit(1)
        request_id = headers["lambda-runtime-aws-request-id"]
        LogHandler.request_id = request_id
        trace_id = headers.get("lambda-runtime-trace-id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        path, extra = "response", []
        try:
            answer = answer_of(handler, body, LambdaContext(headers))
        except Exception:
            document = current_error(request_id)
            log_error(document)
            path, answer = "error", to_json_bytes(document)
            extra = [("Lambda-Runtime-Function-Error-Type", document["errorType"])]
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        api.request("POST", "invocation/%s/%s" % (request_id, path), answer, extra)


main()
