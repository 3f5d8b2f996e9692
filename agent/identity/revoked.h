#pragma once
// Revocations as the control plane sends them and the sealed identity keeps them. Pure.

#include "common/x509/revoked.h"
#include "weft/v1/bundle.pb.h"

namespace weft::identity {

using RevokedProto = google::protobuf::RepeatedPtrField<v1::Revoked>;

x509::RevokedPtr FromProto(const RevokedProto& in);  // null: nothing; what names neither is passed over
void ToProto(const x509::RevokedPtr& revoked, RevokedProto& out);

}  // namespace weft::identity
