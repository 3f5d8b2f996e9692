"""gRPC's public interop cases (grpc/doc/interop-test-descriptions.md) on grpcio: client.py PORT CASE…; prints what failed."""
import queue
import sys
import traceback

import grpc
import messages as m

REQUESTS, ANSWERS = (27182, 8, 1828, 45904), (31415, 9, 2653, 58979)
DEADLINE = 20


class Stub:
    def __init__(self, channel, service=m.SERVICE):
        def method(kind, name, request, response):
            return getattr(channel, kind)(f"/{service}/{name}", request_serializer=request.SerializeToString, response_deserializer=response.FromString)
        self.empty = method("unary_unary", "EmptyCall", m.Empty, m.Empty)
        self.unary = method("unary_unary", "UnaryCall", m.SimpleRequest, m.SimpleResponse)
        self.input = method("stream_unary", "StreamingInputCall", m.StreamingInputCallRequest, m.StreamingInputCallResponse)
        self.output = method("unary_stream", "StreamingOutputCall", m.StreamingOutputCallRequest, m.StreamingOutputCallResponse)
        self.duplex = method("stream_stream", "FullDuplexCall", m.StreamingOutputCallRequest, m.StreamingOutputCallResponse)
        self.unimplemented = method("unary_unary", "UnimplementedCall", m.Empty, m.Empty)


def payload(size):
    return m.Payload(body=b"\0" * size)


def turn(answer, request, **more):
    return m.StreamingOutputCallRequest(response_parameters=[m.ResponseParameters(size=answer)], payload=payload(request), **more)


class Sending:
    """Requests that are sent one by one."""

    def __init__(self):
        self.queue = queue.Queue()

    def __iter__(self):
        return iter(self.queue.get, None)

    def send(self, message):
        self.queue.put(message)

    def end(self):
        self.queue.put(None)


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def empty_unary(stub):
    assert stub.empty(m.Empty(), timeout=DEADLINE) == m.Empty()


def large_unary(stub):
    answer = stub.unary(m.SimpleRequest(response_size=314159, payload=payload(271828)), timeout=DEADLINE)
    assert answer.payload.body == b"\0" * 314159


def client_streaming(stub):
    answer = stub.input((m.StreamingInputCallRequest(payload=payload(size)) for size in REQUESTS), timeout=DEADLINE)
    assert answer.aggregated_payload_size == sum(REQUESTS)


def server_streaming(stub):
    request = m.StreamingOutputCallRequest(response_parameters=[m.ResponseParameters(size=size) for size in ANSWERS])
    assert [len(answer.payload.body) for answer in stub.output(request, timeout=DEADLINE)] == list(ANSWERS)


def ping_pong(stub):
    sending = Sending()
    answers = stub.duplex(iter(sending), timeout=DEADLINE)
    for answer, request in zip(ANSWERS, REQUESTS):
        sending.send(turn(answer, request))
        assert len(next(answers).payload.body) == answer
    sending.end()
    assert list(answers) == [] and answers.code() == grpc.StatusCode.OK


def empty_stream(stub):
    assert list(stub.duplex(iter(()), timeout=DEADLINE)) == []


def timeout_on_sleeping_server(stub):
    sending = Sending()
    answers = stub.duplex(iter(sending), timeout=0.001)
    sending.send(turn(31415, 27182))
    code = code_of(lambda: list(answers))
    assert code[0] == grpc.StatusCode.DEADLINE_EXCEEDED, code
    sending.end()


def cancel_after_begin(stub):
    sending = Sending()
    answer = stub.input.future(iter(sending), timeout=DEADLINE)
    answer.cancel()
    sending.end()
    assert answer.cancelled() and answer.code() == grpc.StatusCode.CANCELLED


def cancel_after_first_response(stub):
    sending = Sending()
    answers = stub.duplex(iter(sending), timeout=DEADLINE)
    sending.send(turn(31415, 27182))
    assert len(next(answers).payload.body) == 31415
    answers.cancel()
    assert code_of(lambda: next(answers))[0] == grpc.StatusCode.CANCELLED
    sending.end()


def status_code_and_message(stub):
    wanted, status = (grpc.StatusCode.UNKNOWN, "test status message"), m.EchoStatus(code=2, message="test status message")
    assert code_of(lambda: stub.unary(m.SimpleRequest(response_status=status), timeout=DEADLINE)) == wanted
    assert code_of(lambda: list(stub.duplex(iter([m.StreamingOutputCallRequest(response_status=status)]), timeout=DEADLINE))) == wanted


def special_status_message(stub):
    text = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
    status = m.EchoStatus(code=2, message=text)
    assert code_of(lambda: stub.unary(m.SimpleRequest(response_status=status), timeout=DEADLINE)) == (grpc.StatusCode.UNKNOWN, text)


def custom_metadata(stub):
    sent = ((m.INITIAL, "test_initial_metadata_value"), (m.TRAILING, b"\xab\xab\xab"))
    _, call = stub.unary.with_call(m.SimpleRequest(response_size=314159, payload=payload(271828)), metadata=sent, timeout=DEADLINE)
    stream = stub.duplex(iter([turn(314159, 271828)]), metadata=sent, timeout=DEADLINE)
    assert len(list(stream)) == 1
    for each in (call, stream):
        assert dict(each.initial_metadata())[m.INITIAL] == "test_initial_metadata_value"
        assert dict(each.trailing_metadata())[m.TRAILING] == b"\xab\xab\xab"


def unimplemented_method(stub):
    assert code_of(lambda: stub.unimplemented(m.Empty(), timeout=DEADLINE))[0] == grpc.StatusCode.UNIMPLEMENTED


def unimplemented_service(_, channel=None):
    assert code_of(lambda: Stub(channel, m.NOWHERE).unimplemented(m.Empty(), timeout=DEADLINE))[0] == grpc.StatusCode.UNIMPLEMENTED


CASES = (empty_unary, large_unary, client_streaming, server_streaming, ping_pong, empty_stream, timeout_on_sleeping_server, cancel_after_begin,
         cancel_after_first_response, status_code_and_message, special_status_message, custom_metadata, unimplemented_method, unimplemented_service)


def main(port, *names):
    failed = 0
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", 16 << 20)]) as channel:
        for case in (c for c in CASES if not names or c.__name__ in names):
            try:
                case(Stub(channel), channel) if case is unimplemented_service else case(Stub(channel))
            except BaseException:
                failed += 1
                print(f"{case.__name__} failed: {traceback.format_exc()}")
    print(f"{len(CASES) if not names else len(names)} cases, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
