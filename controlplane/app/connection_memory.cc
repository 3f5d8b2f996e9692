#include "controlplane/app/connection_memory.h"

#include <grpc/event_engine/memory_allocator.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "controlplane/app/inside_grpc.h"

// gRPC's own types, of which the functions below pass on pointers.
struct tsi_handshaker;
struct tsi_handshaker_result;
struct tsi_ssl_server_handshaker_factory;

// The beginning of what its ssl_transport_security.cc has for each connection: the only kind that a TLS
// server or client makes.
struct tsi_frame_protector {
  const void* functions;
  SSL* ssl;
  BIO* network;
};

namespace weft::control {

using grpc_event_engine::experimental::MemoryAllocator;
using grpc_event_engine::experimental::MemoryRequest;

// The names are the linker's: of gRPC's functions with what --wrap puts before them.
int RealHandshaker(tsi_ssl_server_handshaker_factory* factory, std::size_t to_ssl, std::size_t from_ssl, tsi_handshaker** out) __asm__(
    "__real__Z51tsi_ssl_server_handshaker_factory_create_handshakerP33tsi_ssl_server_handshaker_"
    "factorymmPP14tsi_"
    "handshaker");
int Handshaker(tsi_ssl_server_handshaker_factory* factory, std::size_t to_ssl, std::size_t from_ssl, tsi_handshaker** out) __asm__(
    "__wrap__Z51tsi_ssl_server_handshaker_factory_create_handshakerP33tsi_ssl_server_handshaker_"
    "factorymmPP14tsi_"
    "handshaker");
int RealProtector(const tsi_handshaker_result* done, std::size_t* frame, tsi_frame_protector** out) __asm__(
    "__real__Z44tsi_handshaker_result_create_frame_protectorPK21tsi_handshaker_resultPmPP19tsi_frame_"
    "protector");
int Protector(const tsi_handshaker_result* done, std::size_t* frame, tsi_frame_protector** out) __asm__(
    "__wrap__Z44tsi_handshaker_result_create_frame_protectorPK21tsi_handshaker_resultPmPP19tsi_frame_"
    "protector");
grpc_slice RealMakeSlice(MemoryAllocator* allocator, MemoryRequest request) __asm__(
    "__real__ZN17grpc_event_engine12experimental15MemoryAllocator9MakeSliceENS0_13MemoryRequestE");
grpc_slice MakeSlice(MemoryAllocator* allocator, MemoryRequest request) __asm__(
    "__wrap__ZN17grpc_event_engine12experimental15MemoryAllocator9MakeSliceENS0_13MemoryRequestE");

int Handshaker(tsi_ssl_server_handshaker_factory* factory, std::size_t to_ssl, std::size_t,
               tsi_handshaker** out) {
  return RealHandshaker(factory, to_ssl, kTlsRing, out);
}

int Protector(const tsi_handshaker_result* done, std::size_t* frame, tsi_frame_protector** out) {
  const int result = RealProtector(done, frame, out);
  if (result != 0) return result;
  BIO* const network = (*out)->network;
  BIO* const ssl = SSL_get_rbio((*out)->ssl);
  if (BIO_pending(network) != 0 || BIO_pending(ssl) != 0) return result;
  BIO_destroy_bio_pair(network);
  BIO_set_write_buf_size(network, kTlsRing);
  BIO_set_write_buf_size(ssl, kTlsRing);
  BIO_make_bio_pair(network, ssl);
  Count(inside_grpc.small_rings);
  return result;
}

grpc_slice MakeSlice(MemoryAllocator* allocator, MemoryRequest request) {
  const bool staging = request.min() == kTheirStagingBuffer && request.max() == kTheirStagingBuffer;
  if (!staging) return RealMakeSlice(allocator, request);
  Count(inside_grpc.small_buffers);
  return RealMakeSlice(allocator, MemoryRequest(kStagingBuffer));
}

}  // namespace weft::control
