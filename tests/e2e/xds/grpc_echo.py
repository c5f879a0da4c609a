"""A gRPC server and its client, run inside a namespace: the first call fails with UNAVAILABLE, or all do."""

import sys
from concurrent import futures

import grpc

METHOD = "/echo.Echo/Say"


def serve(port: str, mood: str = "") -> None:
    attempts = 0

    def say(request: bytes, context: grpc.ServicerContext) -> bytes:
        nonlocal attempts
        attempts += 1
        if attempts == 1 or mood == "always unavailable":
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return request + b", after %d attempts" % attempts

    handler = grpc.method_handlers_generic_handler("echo.Echo", {"Say": grpc.unary_unary_rpc_method_handler(say)})
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((handler,))
    assert server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print("serving", flush=True)
    server.wait_for_termination()


def call(target: str) -> None:
    with grpc.insecure_channel(target, options=[("grpc.enable_retries", 0)]) as channel:
        try:
            answer = channel.unary_unary(METHOD)(b"moorage", timeout=10)
            print(f"OK: {answer.decode()}", flush=True)
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", flush=True)


if __name__ == "__main__":
    {"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
