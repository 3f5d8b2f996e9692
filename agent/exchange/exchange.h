#pragma once
// One request through the stages: resolved and routed by the engine, tried on one instance after another
// while the engine says so, its answer streamed back, reported once.
//
// States: held (waits for a configuration) -> attempting <-> backing off -> done. Until a response head went
// to the client, the request body is kept (at most 64 KiB per request, 16 MiB per worker) so that an attempt
// can be repeated; after that, or beyond those bounds, the exchange is committed.
//
// Lifetime: lent from the environment's free list by Begin; goes back at the end of the turn in which it was
// done. Thread rule: one worker.

#include "agent/answer/answer.h"
#include "agent/buffer/byte_queue.h"
#include "agent/connection/websocket.h"
#include "agent/exchange/arena.h"
#include "agent/exchange/environment.h"
#include "agent/exchange/mirror.h"
#include "agent/exchange/request_id.h"
#include "agent/exchange/saved_head.h"
#include "agent/route/filters.h"
#include "agent/stream/stream.h"
#include "agent/upstream/attempt.h"

namespace weft::exchange {

class Exchange final : public stream::RequestEvents, private upstream::AttemptEvents {
 public:
  explicit Exchange(Environment& env);
  ~Exchange();

  // Whose request this is, as far as the connection knows.
  struct Client {
    stream::ServerStream* stream = nullptr;
    const engine::Origin* origin = nullptr;
  };
  // A request arrived. `raw`: the bytes its views point into. Null: it was answered already.
  static Exchange* Begin(Environment& env, Client client, message::RequestHead& head, std::string_view raw,
                         message::Body body);
  // Something that is no request: the answer goes to `stream`, and is reported.
  static void Refuse(Environment& env, Client client, Reason reason);

  // A configuration came, or (`last`) will not come in time. For exchanges in Environment::held.
  void Retry(bool last);
  std::string_view authority() const { return head_.authority; }
  // The drain deadline passed.
  void Abort();

  void OnRequestData(std::string_view data) override;
  void OnRequestTrailers(const message::FieldList& trailers) override;
  void OnRequestEnd() override;
  void OnResponseTaken(std::size_t bytes) override;
  void OnClientReset(stream::ResetCode code) override;

 private:
  enum class State : std::uint8_t { kIdle, kHeld, kAttempt, kBackoff, kDone };
  enum class Beside : std::uint8_t { kNone, kRunning, kAlone };  // kAlone: the first attempt failed
  class Second;

  void OnAttemptReady() override;
  void OnAttemptInterim(message::ResponseHead& head) override;
  void OnAttemptHead(message::ResponseHead& head, message::Body body) override;
  void OnAttemptData(std::string_view data) override;
  void OnAttemptTrailers(const message::FieldList& trailers) override;
  void OnAttemptTaken(std::size_t bytes) override;
  void OnAttemptEnd() override;
  void OnAttemptFailed(engine::Outcome outcome, Reason reason) override;

  // exchange.cc: the order of things
  void Reset(Client client, message::Body body);
  void Start(message::RequestHead& head, std::string_view raw);
  void Decide(const message::RequestHead& head);
  void Forward();
  void Hold(Duration most);
  void PassThrough();
  void TryAttempt();
  void CancelAttempt();
  bool Ended(engine::Outcome outcome, Reason reason);
  bool AnotherGoesOn(engine::Outcome outcome, Reason reason);
  void FailAttempt(engine::Outcome outcome, Reason reason);
  struct Failure {
    engine::Outcome outcome;
    Reason reason;
  };
  Failure PastDeadline() const;
  bool ItsShareEnded() const;
  void Overflow();
  void OnTimer(TimePoint now);
  void Done(Reason reason, std::uint16_t status);
  void Recycle();

  // body.cc: the request body on its way
  void SendKept();
  void Taken(std::size_t bytes);
  void DropKept();
  void Keep(std::string_view data);
  void EndRequest();
  void BeginMirrors();
  void SendMirrors();

  // heads.cc: what is added and removed
  std::string_view ReadMeshFields(const message::FieldList& fields);
  Reason ReadRequest(message::RequestHead& head);
  void AddMeshFields(message::RequestHead& head);
  bool ComposeRequest(message::RequestHead& out, const route::Decision& chosen);
  bool WriteRequest(upstream::Attempt& attempt, const engine::Target& target);
  void ReadMarks(const message::ResponseHead& head);
  void EditResponse(message::ResponseHead& head);
  static Duration RetryAfterOf(const message::ResponseHead& head);
  void ReadGrpcStatus(const message::FieldList& fields);
  std::uint16_t EffectiveStatus() const;
  void JoinDeadline(Duration left);
  void SetAuthority(message::RequestHead& head) const;
  route::Decision decision() const;

  // second.cc: an attempt beside one that is slow
  void StartSecond();
  void StartTuned(engine::Target& target, pool::Demand demand);
  policy::Timeouts TunedTimeouts() const;
  void SecondReady();
  void SecondHead(message::ResponseHead& head, message::Body body);
  void SecondFailed(engine::Outcome outcome, Reason reason);
  void EndSecond(engine::Outcome outcome, Reason reason);
  void DropSecond();

  // connect.cc: CONNECT
  void Dial(engine::Target& target);
  void Dialled(Reason reason);

  // upgrade.cc: 101
  bool MaySwitch() const;
  bool SendWebSocket();
  bool AnswersUpgrade(const message::ResponseHead& head);
  connection::KeyText WebSocketKey() const;
  void OnSwitch(message::ResponseHead& head);
  void Switch();

  // reply.cc: answers of our own
  void Answer(Reason reason);
  void EndGrpc(Reason reason);
  void Redirect(const message::RequestHead& head);
  void Reply(const message::ResponseHead& head, std::string_view body);

  Environment& env_;
  upstream::Attempt attempt_;
  tunnel::Relay* dialling_ = nullptr;  // the attempt of a CONNECT
  stream::ServerStream* client_ = nullptr;
  State state_ = State::kIdle;
  Arena arena_;
  SavedHead head_;
  message::Body body_;
  engine::Call call_;
  engine::Origin origin_;
  std::string_view request_id_;
  std::array<char, kRequestIdSize> made_id_;

  buffer::ByteQueue kept_;  // of the request body, from its first byte
  bool keeping_ = true;
  bool last_look_ = false;                    // of a held exchange
  Reason missing_ = Reason::kUnknownService;  // the answer when its service stays unknown
  bool request_ended_ = false, request_sent_ = false;
  std::uint64_t received_ = 0, taken_ = 0, credited_ = 0;  // request body bytes; taken_: by this attempt
  std::span<const message::Field> trailers_;
  std::vector<Mirror*> mirrors_;  // whose body is not whole yet

  loop::Timer timer_;  // request deadline, back-off, hold
  TimePoint wake_at_;
  std::unique_ptr<Second> second_;  // made for the first request that needs it
  Beside beside_ = Beside::kNone;
  bool attempt_open_ = false;  // picked, and Ended not called yet
  bool response_begun_ = false, fresh_ = false;
  bool caller_meshed_ = false, target_meshed_ = false;  // an agent stands on that side
  std::uint16_t status_ = 0;
  bool grpc_ = false;             // the caller speaks gRPC
  std::int8_t grpc_status_ = -1;  // of what it is answered; -1: not gRPC, or not known yet
  std::uint64_t response_bytes_ = 0;
  TimePoint head_at_, first_byte_;
  Duration retry_after_ = Duration::zero();   // of this attempt's answer; zero: it names none
  engine::SaidLoad load_;                     // likewise
  engine::Target* switched_place_ = nullptr;  // taken for a stream of HTTP/2, from its 101 until Switch
};

}  // namespace weft::exchange
