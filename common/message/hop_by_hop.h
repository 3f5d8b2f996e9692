#pragma once
// The one table of what a proxy does with the fields that belong to a connection and not to the message
// (RFC 9110 7.6.1, RFC 9113 8.2.2), whichever of the two versions it read and whichever it writes.
// docs/life-of-a-request.md shows it with its reasons.
//
//   field                     read from HTTP/1.1            written to HTTP/1.1         written to HTTP/2
//   host                      becomes the authority         from the authority          `:authority` instead
//   connection + what it names removed                      anew, as we mean it         never
//   keep-alive, proxy-*       read for its own hop          never                       never
//   transfer-encoding         frames the body               anew: chunked               never
//   content-length            frames the body               from the body               from the body
//   upgrade                   h2c ignored, else 501         never                       never
//   te                        kept                          `trailers` alone            `trailers` alone
//   cookie                    kept                          one (crumbs joined)         kept
//   expect, date, via, …      kept                          kept                        kept

#include "common/message/head.h"

namespace weft::message {

inline constexpr std::uint64_t kHopByHop =
    FieldBit(FieldId::kHost) | FieldBit(FieldId::kConnection) | FieldBit(FieldId::kKeepAlive) |
    FieldBit(FieldId::kProxyConnection) | FieldBit(FieldId::kProxyAuthenticate) |
    FieldBit(FieldId::kProxyAuthorization) | FieldBit(FieldId::kTransferEncoding) |
    FieldBit(FieldId::kContentLength) | FieldBit(FieldId::kUpgrade);

// TE goes on only as `trailers`.
inline bool TePasses(const Field& field) { return EqualsIgnoreCase(field.value, "trailers"); }

}  // namespace weft::message
