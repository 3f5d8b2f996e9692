#include "controlplane/identity/state.h"

#include <nlohmann/json.hpp>

namespace weft::identity {
namespace {

using Json = nlohmann::ordered_json;

// Until 2248, which nanoseconds can count.
WallTime FromMs(std::int64_t ms) {
  return WallTime(std::chrono::milliseconds(std::clamp<std::int64_t>(ms, 0, 1LL << 43)));
}

Json ToJson(const Root& root) {
  Json out{{"pem", root.pem},
           {"issuer", root.issuer},
           {"between", root.between},
           {"key", root.external ? std::string() : root.key},
           {"fingerprint", root.fingerprint},
           {"notAfter", UnixMs(root.not_after)},
           {"made", UnixMs(root.made)},
           {"issuesFrom", UnixMs(root.issues_from)},
           {"external", root.external}};
  if (root.distrust) out["distrust"] = UnixMs(*root.distrust);
  return out;
}

Root RootOf(const Json& in) {
  Root root;
  root.pem = in.at("pem");
  root.issuer = in.at("issuer");
  root.between = in.at("between");
  root.key = in.at("key");
  root.fingerprint = in.at("fingerprint");
  root.not_after = FromMs(in.at("notAfter"));
  root.made = FromMs(in.at("made"));
  root.issues_from = FromMs(in.at("issuesFrom"));
  root.external = in.at("external");
  if (in.contains("distrust")) root.distrust = FromMs(in.at("distrust"));
  return root;
}

Json ToJson(const Token& token) {
  return {{"id", token.id},
          {"hash", token.hash},
          {"namespace", token.ns},
          {"service", token.service},
          {"node", token.node},
          {"creator", token.creator},
          {"created", UnixMs(token.created)},
          {"expires", UnixMs(token.expires)},
          {"revoked", UnixMs(token.revoked)},
          {"used", UnixMs(token.used)},
          {"uses", token.uses},
          {"mostUses", token.most_uses}};
}

Token TokenOf(const Json& in) {
  Token token;
  token.id = in.at("id");
  token.hash = in.at("hash");
  token.ns = in.at("namespace");
  token.service = in.at("service");
  token.node = in.at("node");
  token.creator = in.at("creator");
  token.created = FromMs(in.at("created"));
  token.expires = FromMs(in.at("expires"));
  token.revoked = FromMs(in.at("revoked"));
  token.used = FromMs(in.at("used"));
  token.uses = in.at("uses");
  token.most_uses = in.value("mostUses", std::uint64_t{0});
  return token;
}

Json ToJson(const Revocation& one) {
  return {{"id", one.id},
          {"serial", one.serial},
          {"spiffe", one.spiffe},
          {"reason", one.reason},
          {"creator", one.creator},
          {"created", UnixMs(one.created)},
          {"lastBegin", UnixMs(one.last_begin)}};
}

Revocation RevocationOf(const Json& in) {
  return {in.at("id"),      in.at("serial"),          in.at("spiffe"),           in.at("reason"),
          in.at("creator"), FromMs(in.at("created")), FromMs(in.at("lastBegin"))};
}

// The certificates and keys inside are usable, so that nothing fails later.
Status Check(const Root& root) {
  if (const auto read = x509::Read(root.pem); !read) return read.error();
  if (root.key.empty()) return {};
  const auto key = x509::Key::FromPem(root.key);
  if (!key) return key.error();
  return x509::CheckPair(root.issuer, *key);
}

}  // namespace

std::string EncodeState(const State& state) {
  Json out{{"version", 1},
           {"trustDomain", state.trust_domain},
           {"roots", Json::array()},
           {"tokens", Json::array()},
           {"revocations", Json::array()}};
  for (const Root& root : state.roots) out["roots"].push_back(ToJson(root));
  for (const Token& token : state.tokens) out["tokens"].push_back(ToJson(token));
  for (const Revocation& one : state.revocations) out["revocations"].push_back(ToJson(one));
  return out.dump(1) + "\n";
}

Result<State> DecodeState(std::string_view text) {
  State state;
  try {
    const Json in = Json::parse(text);
    if (in.at("version") != 1) return Invalid("is of another version of weft-control", "version");
    state.trust_domain = in.at("trustDomain");
    for (const Json& root : in.at("roots")) state.roots.push_back(RootOf(root));
    for (const Json& token : in.at("tokens")) state.tokens.push_back(TokenOf(token));
    for (const Json& one : in.value("revocations", Json::array()))  // older states have none
      state.revocations.push_back(RevocationOf(one));
  } catch (const Json::exception& failure) {
    return Invalid(std::string("cannot be understood (") + failure.what() + ")");
  }
  for (const Root& root : state.roots) {
    if (auto ok = Check(root); !ok)
      return Invalid("holds a root that cannot be used: " + ok.error().Text(), "roots");
  }
  return state;
}

}  // namespace weft::identity
