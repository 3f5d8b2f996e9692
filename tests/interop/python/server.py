"""grpc.testing.TestService on grpcio (gRPC's C core, not Go's HTTP/2): prints its port."""
import concurrent.futures
import time

import grpc
import messages as m


def echo(context):
    sent = dict(context.invocation_metadata())
    if m.INITIAL in sent:
        context.send_initial_metadata(((m.INITIAL, sent[m.INITIAL]),))
    if m.TRAILING in sent:
        context.set_trailing_metadata(((m.TRAILING, sent[m.TRAILING]),))


def fail(request, context):
    if request.HasField("response_status") and request.response_status.code:
        context.set_code(next(c for c in grpc.StatusCode if c.value[0] == request.response_status.code))
        context.set_details(request.response_status.message)
        return True
    return False


def payload(size):
    return m.Payload(body=b"\0" * size)


def unary(request, context):
    echo(context)
    if fail(request, context):
        return m.SimpleResponse()
    return m.SimpleResponse(payload=payload(request.response_size))


def outputs(request):
    for each in request.response_parameters:
        if each.interval_us:
            time.sleep(each.interval_us / 1e6)   # the call asks for it
        yield m.StreamingOutputCallResponse(payload=payload(each.size))


def full_duplex(requests, context):
    echo(context)
    for request in requests:
        if fail(request, context):
            return
        yield from outputs(request)


HANDLERS = {
    "EmptyCall": (grpc.unary_unary_rpc_method_handler, lambda _, context: m.Empty(), m.Empty, m.Empty),
    "UnaryCall": (grpc.unary_unary_rpc_method_handler, unary, m.SimpleRequest, m.SimpleResponse),
    "StreamingOutputCall": (grpc.unary_stream_rpc_method_handler, lambda request, _: outputs(request), m.StreamingOutputCallRequest, m.StreamingOutputCallResponse),
    "StreamingInputCall": (grpc.stream_unary_rpc_method_handler, lambda requests, _: m.StreamingInputCallResponse(
        aggregated_payload_size=sum(len(r.payload.body) for r in requests)), m.StreamingInputCallRequest, m.StreamingInputCallResponse),
    "FullDuplexCall": (grpc.stream_stream_rpc_method_handler, full_duplex, m.StreamingOutputCallRequest, m.StreamingOutputCallResponse),
}


def main():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", 16 << 20)])
    handlers = {name: kind(behaviour, request_deserializer=request.FromString, response_serializer=response.SerializeToString)
                for name, (kind, behaviour, request, response) in HANDLERS.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(m.SERVICE, handlers),))
    print(f"port:{server.add_insecure_port('127.0.0.1:0')}", flush=True)
    server.start()
    server.wait_for_termination()


main()
