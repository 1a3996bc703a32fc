"""A server that speaks the protocol of S3, on this machine and in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest

KEY = "AKIAHIDDENHIDDEN"
SECRET = "secretsecretsecret"


class ObjectServer:
    """What a test sees of it."""

    def __init__(self, address: str) -> None:
        boto3 = pytest.importorskip("boto3")
        self.address = address
        self.client = boto3.client("s3", **self.access)
        self.iam = boto3.client("iam", **self.access)

    @property
    def access(self) -> dict:
        return {
            "endpoint_url": self.address,
            "aws_access_key_id": KEY,
            "aws_secret_access_key": SECRET,
            "region_name": "us-east-1",
        }

    def post(self, path: str, body: bytes = b"") -> None:
        kind = {"Content-Type": "text/plain"}
        urlopen(Request(f"{self.address}/moto-api/{path}", body, kind, method="POST")).read()

    def put(self, key: str, content: bytes, bucket: str = "bucket") -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=content)

    def contents(self, prefix: str, bucket: str = "bucket") -> dict[str, bytes]:
        """Objects below a prefix by what follows it, but for the empty ones that stand for folders."""
        listed = self.client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        keys = [each["Key"] for each in listed if not each["Key"].endswith("/")]
        return {key.removeprefix(prefix): self.client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def modified(self, key: str, bucket: str = "bucket") -> float:
        return self.client.head_object(Bucket=bucket, Key=key)["LastModified"].timestamp()

    @contextmanager
    def reader_only(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Check who asks from now on; the program is somebody who may read alone."""
        self.iam.create_user(UserName="reader")
        rights = [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}]
        policy = json.dumps({"Version": "2012-10-17", "Statement": rights})
        self.iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=policy)
        key = self.iam.create_access_key(UserName="reader")["AccessKey"]
        self.post("reset-auth", b"0")
        with monkeypatch.context() as patched:
            patched.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
            patched.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
            try:
                yield
            finally:
                self.post("reset-auth", b"Infinity")


@contextmanager
def object_server() -> Iterator[ObjectServer]:
    """Start it; it ends with the block, or with this process."""
    pytest.importorskip("moto")
    pytest.importorskip("flask_cors")
    command = [sys.executable, "-W", "ignore", __file__]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as running:
        try:
            yield ObjectServer(running.stdout.readline().strip())
        finally:
            running.stdin.close()


def serve() -> None:
    """Say the address, and answer until standard input ends."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    sys.stdout.write(f"http://{host}:{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    serve()
