"""S3 by boto3, by the AWS CLI and by presigned URLs; what a kill leaves."""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from server import REGION, client, environment
from workflows import unique

AWS = Path(sys.executable).parent / "aws"
MIB = 1024 * 1024
SEED = int(os.environ.get("KILL_SEED", str(random.SystemRandom().randrange(2**32))))


@pytest.fixture
def s3(server):
    return client("s3", server.endpoint, signature_version="s3v4")


@pytest.fixture
def bucket(s3):
    name = unique("bucket").lower()
    s3.create_bucket(Bucket=name)
    return name


def code(error):
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def content(s3, bucket, key, **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 32 * 1024 + 1, MIB, 20 * MIB])
def test_objects_of_all_sizes(s3, bucket, size):
    body = random.Random(size).randbytes(size)
    put = s3.put_object(Bucket=bucket, Key="key", Body=body, Metadata={"a": "b"}, ContentType="text/plain")
    assert put["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
    got = s3.get_object(Bucket=bucket, Key="key")
    assert got["Body"].read() == body
    assert (got["ContentLength"], got["ContentType"], got["Metadata"]) == (size, "text/plain", {"a": "b"})
    head = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert head["ContentLength"] == size
    assert head["ChecksumCRC32"]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_given_as_trailers(s3, bucket, algorithm):
    try:
        s3.put_object(Bucket=bucket, Key="key", Body=io.BytesIO(b"x" * MIB), ChecksumAlgorithm=algorithm)
    except Exception as error:
        # The client computes CRC32C and CRC64NVME by a library that need not be there.
        if type(error).__name__ == "MissingDependencyException":
            pytest.skip(str(error))
        raise
    head = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert head["Checksum" + algorithm]


def test_errors_are_worded_as_s3_words_them(s3, bucket):
    with pytest.raises(s3.exceptions.NoSuchKey) as error:
        s3.get_object(Bucket=bucket, Key="none")
    assert error.value.response["Error"] == {
        "Code": "NoSuchKey", "Message": "The specified key does not exist.", "Key": "none",
    }  # fmt: skip
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="no-such-bucket")
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket=bucket, Key="none")
    assert code(error) == ("404", 404)
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket="Not_A_Name")
    assert code(error) == ("InvalidBucketName", 400)
    s3.put_object(Bucket=bucket, Key="key", Body=b"x")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket=bucket)
    assert code(error) == ("BucketNotEmpty", 409)
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="key", Range="bytes=5-")
    assert code(error) == ("InvalidRange", 416)
    assert error.value.response["Error"]["ActualObjectSize"] == "1"


def test_ranges(s3, bucket):
    s3.put_object(Bucket=bucket, Key="key", Body=bytes(range(256)) * 1000)
    got = s3.get_object(Bucket=bucket, Key="key", Range="bytes=255-257")
    assert got["Body"].read() == b"\xff\x00\x01"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == "bytes 255-257/256000"
    assert content(s3, bucket, "key", Range="bytes=-1") == b"\xff"


def test_keys_of_any_kind(s3, bucket):
    keys = ["a b", "a+b", "ä/ö", "a//b", "/a", "a/", "%41", "?x=1&y", "x'\"<&>", "日本", "a=b;c"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(keys, key=str.encode)
    for key in keys:
        assert content(s3, bucket, key) == key.encode()
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert {entry["Key"] for entry in deleted["Deleted"]} == set(keys)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_pages(s3, bucket):
    keys = ["%d/%02d" % (folder, file) for folder in range(3) for file in range(20)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 7})
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == keys
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1})
    assert [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])] == ["0/", "1/", "2/"]


def test_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="key", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="key", Body=b"2", IfNoneMatch="*")
    assert code(error) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="key", IfNoneMatch=etag)
    assert code(error) == ("304", 304)
    s3.put_object(Bucket=bucket, Key="key", Body=b"2", IfMatch=etag)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="key", Body=b"3", IfMatch=etag)
    assert code(error) == ("PreconditionFailed", 412)


def test_versions(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="key", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="key", Body=b"2")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="key")
    assert marker["DeleteMarker"]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="key")
    assert code(error) == ("NoSuchKey", 404)
    assert error.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="key", VersionId=marker["VersionId"])
    assert code(error) == ("MethodNotAllowed", 405)
    assert content(s3, bucket, "key", VersionId=first) == b"1"
    listed = s3.list_object_versions(Bucket=bucket)
    assert [version["VersionId"] for version in listed["Versions"]] == [second, first]
    assert [version["IsLatest"] for version in listed["DeleteMarkers"]] == [True]
    s3.delete_object(Bucket=bucket, Key="key", VersionId=marker["VersionId"])
    assert content(s3, bucket, "key") == b"2"


def test_uploads_in_parts(s3, bucket):
    body = random.Random(1).randbytes(13 * MIB)
    s3.upload_fileobj(io.BytesIO(body), bucket, "key", Config=TransferConfig(multipart_chunksize=5 * MIB))
    head = s3.head_object(Bucket=bucket, Key="key")
    assert head["ETag"].endswith('-3"')
    assert content(s3, bucket, "key") == body
    assert content(s3, bucket, "key", Range="bytes=5242870-5242890") == body[5242870:5242891]
    assert content(s3, bucket, "key", PartNumber=3) == body[10 * MIB :]
    attributes = s3.get_object_attributes(Bucket=bucket, Key="key", ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert (attributes["ObjectParts"]["TotalPartsCount"], attributes["ObjectSize"]) == (3, len(body))
    s3.copy({"Bucket": bucket, "Key": "key"}, bucket, "copy", Config=TransferConfig(multipart_threshold=5 * MIB))
    assert content(s3, bucket, "copy") == body
    # A copy in one piece has a plain entity tag again.
    copied = s3.copy_object(Bucket=bucket, Key="whole", CopySource={"Bucket": bucket, "Key": "key"})
    assert copied["CopyObjectResult"]["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
    # An upload that names no algorithm takes whatever its parts come with.
    upload = s3.create_multipart_upload(Bucket=bucket, Key="plain")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="plain", UploadId=upload, PartNumber=1, Body=b"x")
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(Bucket=bucket, Key="plain", UploadId=upload, MultipartUpload={"Parts": parts})
    assert content(s3, bucket, "plain") == b"x"


def test_presigned_urls(s3, bucket):
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "key"})
    request = urllib.request.Request(put, data=b"x" * 300_000, method="PUT")
    assert urllib.request.urlopen(request).status == 200
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"})
    assert urllib.request.urlopen(get).read() == b"x" * 300_000
    assert content(s3, bucket, "key") == b"x" * 300_000


def test_a_bucket_as_terraform_reads_it(s3, bucket):
    s3.head_bucket(Bucket=bucket)
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert len(s3.get_bucket_acl(Bucket=bucket)["Grants"]) == 1
    s3.get_bucket_accelerate_configuration(Bucket=bucket)
    s3.get_bucket_logging(Bucket=bucket)
    s3.get_bucket_notification_configuration(Bucket=bucket)
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    missing = {
        "get_bucket_policy": "NoSuchBucketPolicy",
        "get_bucket_cors": "NoSuchCORSConfiguration",
        "get_bucket_website": "NoSuchWebsiteConfiguration",
        "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
        "get_bucket_replication": "ReplicationConfigurationNotFoundError",
        "get_object_lock_configuration": "ObjectLockConfigurationNotFoundError",
        "get_bucket_tagging": "NoSuchTagSet",
    }
    for method, expected in missing.items():
        with pytest.raises(ClientError) as error:
            getattr(s3, method)(Bucket=bucket)
        assert code(error) == (expected, 404), method


def test_what_is_configured_comes_back(s3, bucket):
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::%s/secret/*" % bucket}
        ],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules
    rules = [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 1}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    tags = [{"Key": "a", "Value": "b"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags


ACCOUNTS = """
[[credentials]]
access_key_id = "OWNER"
secret_access_key = "owner-owner-owner"
account_id = "111111111111"

[[credentials]]
access_key_id = "OTHER"
secret_access_key = "other-other-other"
account_id = "222222222222"
"""


def test_a_bucket_is_its_owners(make_server):
    server = make_server(config=ACCOUNTS).start()
    owner = client("s3", server.endpoint, "OWNER", "owner-owner-owner")
    other = client("s3", server.endpoint, "OTHER", "other-other-other")
    owner.create_bucket(Bucket="bucket")
    owner.put_object(Bucket="bucket", Key="open/key", Body=b"x")
    calls = [
        lambda: other.get_object(Bucket="bucket", Key="open/key"),
        lambda: other.put_object(Bucket="bucket", Key="open/key", Body=b"y"),
        lambda: other.list_objects_v2(Bucket="bucket"),
        lambda: other.delete_bucket(Bucket="bucket"),
        lambda: other.copy_object(Bucket="others", Key="copy", CopySource="bucket/open/key"),
    ]
    other.create_bucket(Bucket="others")
    for call in calls:
        with pytest.raises(ClientError) as error:
            call()
        assert code(error) == ("AccessDenied", 403)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/open/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    owner.put_bucket_policy(Bucket="bucket", Policy=policy)
    assert content(other, "bucket", "open/key") == b"x"
    other.copy_object(Bucket="others", Key="copy", CopySource="bucket/open/key")
    with pytest.raises(ClientError) as error:
        other.put_object(Bucket="bucket", Key="open/key", Body=b"y")
    assert code(error) == ("AccessDenied", 403)
    assert [bucket["Name"] for bucket in other.list_buckets()["Buckets"]] == ["others"]


def test_notifications_reach_a_queue(server, s3, bucket):
    sqs = client("sqs", server.endpoint)
    url = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def receive():
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
        return json.loads(messages[0]["Body"])

    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    assert receive()["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=bucket, Key="a b", Body=b"12345")
    record = receive()["Records"][0]
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("ObjectCreated:Put", "a+b")
    assert record["s3"]["object"]["size"] == 5


@pytest.fixture
def aws(server, tmp_path):
    """Runs the AWS CLI in the test's folder."""

    def run(*arguments):
        done = subprocess.run(
            [AWS, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(
                AWS_ENDPOINT_URL=server.endpoint,
                AWS_DEFAULT_REGION=REGION,
                AWS_ACCESS_KEY_ID="test",
                AWS_SECRET_ACCESS_KEY="test",
                AWS_CONFIG_FILE=str(tmp_path / "config"),
                AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"),
                AWS_PAGER="",
            ),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_cli_copies_and_syncs(aws, s3, bucket, tmp_path):
    big = random.Random(2).randbytes(20 * MIB)
    (tmp_path / "big").write_bytes(big)
    aws("s3", "cp", "big", "s3://%s/big" % bucket)
    aws("s3", "cp", "s3://%s/big" % bucket, "back")
    assert (tmp_path / "back").read_bytes() == big
    folder = tmp_path / "folder"
    for name in ["a.txt", "b/c.txt", "b/d e.txt"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
        # S3 tells whole seconds: a file of the same second would look newer than its object.
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))
    aws("s3", "sync", "folder", "s3://%s/folder" % bucket)
    assert aws("s3", "sync", "folder", "s3://%s/folder" % bucket) == ""
    aws("s3", "sync", "s3://%s/folder" % bucket, "again")
    assert (tmp_path / "again/b/d e.txt").read_text() == "b/d e.txt"
    assert "PRE folder/" in aws("s3", "ls", "s3://%s/" % bucket)
    aws("s3", "mv", "s3://%s/big" % bucket, "s3://%s/moved" % bucket)
    assert content(s3, bucket, "moved") == big
    aws("s3", "rm", "--recursive", "s3://%s/" % bucket)
    aws("s3", "rb", "s3://%s" % bucket)


class Writer(threading.Thread):
    """Puts objects of all sizes, some in parts, and remembers what was acknowledged."""

    def __init__(self, endpoint, number):
        super().__init__(daemon=True)
        self.s3 = client("s3", endpoint, read_timeout=10)
        self.random = random.Random("%d %d" % (SEED, number))
        self.number = number
        self.acknowledged = {}
        self.attempted = {}
        self.over = threading.Event()

    def run(self):
        count = 0
        while not self.over.is_set():
            count += 1
            key = "%d/%d" % (self.number, self.random.randrange(20))
            body = self.random.randbytes(self.random.choice([10, 5000, 40_000, 400_000, 6 * MIB]))
            self.attempted.setdefault(key, []).append(body)
            try:
                if len(body) > 5 * MIB:
                    config = TransferConfig(multipart_threshold=MIB, multipart_chunksize=5 * MIB, use_threads=False)
                    self.s3.upload_fileobj(io.BytesIO(body), "bucket", key, Config=config)
                else:
                    self.s3.put_object(Bucket="bucket", Key=key, Body=body)
            except Exception:  # whatever the client makes of a server that is gone
                return
            # Whatever was put under that key before is gone.
            self.attempted[key] = []
            self.acknowledged[key] = body


def test_kills_in_the_middle_of_uploads(make_server):
    print("KILL_SEED=%d" % SEED)
    server = make_server().start()
    client("s3", server.endpoint).create_bucket(Bucket="bucket")
    chance = random.Random(SEED)
    expected = {}
    for cycle in range(int(os.environ.get("S3_KILL_CYCLES", "5"))):
        writers = [Writer(server.endpoint, cycle * 10 + number) for number in range(4)]
        for writer in writers:
            writer.start()
        threading.Event().wait(chance.uniform(0.3, 2.0))
        server.kill()
        for writer in writers:
            writer.over.set()
            writer.join(60)
            for key in writer.acknowledged.keys() | writer.attempted.keys():
                possible = [writer.acknowledged[key]] if key in writer.acknowledged else [None]
                expected[key] = possible + writer.attempted.get(key, [])
        server.start()
        assert list((server.data / "incoming").iterdir()) == []
        s3 = client("s3", server.endpoint)
        listed = set()
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="bucket"):
            listed.update(entry["Key"] for entry in page.get("Contents", []))
        for key, possible in expected.items():
            found = content(s3, "bucket", key) if key in listed else None
            assert found in possible, key
            expected[key] = [found]
    assert any(found is not None for (found,) in expected.values())
    # What no object needs is gone after a while, and what one needs is not.
    s3 = client("s3", server.endpoint)
    for upload in s3.list_multipart_uploads(Bucket="bucket").get("Uploads", []):
        s3.abort_multipart_upload(Bucket="bucket", Key=upload["Key"], UploadId=upload["UploadId"])
    for key in listed:
        s3.delete_object(Bucket="bucket", Key=key)
    server.stop()
    server.start()
    blobs = server.data / "blobs"
    for _ in range(600):
        left = [file for file in blobs.rglob("*") if file.is_file()]
        if not left:
            break
        threading.Event().wait(0.1)
    assert left == []
