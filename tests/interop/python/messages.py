"""The messages of grpc.testing (grpc/src/proto/grpc/testing/messages.proto) that the interop cases use, made without a compiler."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto
KINDS = {"bytes": Field.TYPE_BYTES, "string": Field.TYPE_STRING, "int32": Field.TYPE_INT32, "bool": Field.TYPE_BOOL}
FIELDS = {
    "Empty": [],
    "BoolValue": [("value", 1, "bool")],
    "Payload": [("type", 1, "int32"), ("body", 2, "bytes")],
    "EchoStatus": [("code", 1, "int32"), ("message", 2, "string")],
    "SimpleRequest": [("response_type", 1, "int32"), ("response_size", 2, "int32"), ("payload", 3, "Payload"), ("response_compressed", 6, "BoolValue"),
                      ("response_status", 7, "EchoStatus"), ("expect_compressed", 8, "BoolValue")],
    "SimpleResponse": [("payload", 1, "Payload"), ("username", 2, "string"), ("oauth_scope", 3, "string")],
    "StreamingInputCallRequest": [("payload", 1, "Payload"), ("expect_compressed", 2, "BoolValue")],
    "StreamingInputCallResponse": [("aggregated_payload_size", 1, "int32")],
    "ResponseParameters": [("size", 1, "int32"), ("interval_us", 2, "int32"), ("compressed", 3, "BoolValue")],
    "StreamingOutputCallRequest": [("response_type", 1, "int32"), ("response_parameters", 2, "ResponseParameters*"), ("payload", 3, "Payload"),
                                   ("response_status", 7, "EchoStatus")],
    "StreamingOutputCallResponse": [("payload", 1, "Payload")],
}


def _file():
    file = descriptor_pb2.FileDescriptorProto(name="interop.proto", package="grpc.testing", syntax="proto3")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            label = Field.LABEL_REPEATED if kind.endswith("*") else Field.LABEL_OPTIONAL
            made = message.field.add(name=field, number=number, label=label)
            if kind.rstrip("*") in KINDS:
                made.type = KINDS[kind]
            else:
                made.type, made.type_name = Field.TYPE_MESSAGE, f".grpc.testing.{kind.rstrip('*')}"
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())
Empty, BoolValue, Payload, EchoStatus, SimpleRequest, SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse, ResponseParameters, \
    StreamingOutputCallRequest, StreamingOutputCallResponse = (
        message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"grpc.testing.{name}")) for name in FIELDS)

SERVICE, NOWHERE = "grpc.testing.TestService", "grpc.testing.UnimplementedService"
INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
