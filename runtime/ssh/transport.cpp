#include "runtime/ssh/transport.hpp"

#include <algorithm>
#include <utility>

#include "messages/printable.hpp"
#include "runtime/ssh/transport_ssh.hpp"

namespace moorage {

namespace {

const failure closed_by_us{errc::connection_lost, "its connection was closed"};

} // namespace

std::unique_ptr<transport> make_ssh_transport(const cluster_settings& settings, waker wake,
                                              const transport_world& world) {
  return std::make_unique<ssh_transport>(settings, std::move(wake), world);
}

ssh_transport::ssh_transport(const cluster_settings& settings, waker wake, const transport_world& world)
    : wake_(std::move(wake)), destination_((settings.user.empty() ? "" : settings.user + "@") +
                                           known_hosts_name(hosts_in_words(settings), settings.port)),
      opening_(std::make_unique<opening_state>(settings, world)), shared_{link_,
                                                                          destination_,
                                                                          settings.reply_timeout,
                                                                          settings.linger,
                                                                          settings.environment_fallback,
                                                                          settings.sweep},
      carried_(link_, world.loop, wake_) {}

ssh_transport::~ssh_transport() {
  release();
}

void ssh_transport::open() {
  if (phase_ == phase::fresh)
    phase_ = phase::preparing;
}

void ssh_transport::start(stream_id stream, exec_request request, std::uint64_t credit) {
  streams_.push_back(std::make_unique<command_stream>(stream, std::move(request), credit, shared_));
}

command_stream* ssh_transport::find(stream_id stream) {
  for (auto& one : streams_)
    if (one->id() == stream && !one->over())
      return one.get();
  return nullptr; // over already: the word of it crossed with the command
}

bool ssh_transport::awaits_channel(stream_id stream) const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [&](const auto& each) { return each->id() == stream && each->awaits_channel(); });
}

void ssh_transport::grant_credit(stream_id stream, std::uint64_t bytes) {
  if (auto* found = find(stream))
    found->grant(bytes);
}

void ssh_transport::input(stream_id stream, std::string bytes) {
  if (auto* found = find(stream))
    found->input(std::move(bytes));
}

void ssh_transport::end_input(stream_id stream) {
  if (auto* found = find(stream))
    found->end_input();
}

void ssh_transport::cancel(stream_id stream, failure cause) {
  if (auto* found = find(stream))
    found->cancel(std::move(cause));
}

void ssh_transport::carry(stream_id stream, std::shared_ptr<carriage> what, carriage_target to) {
  if (phase_ != phase::over)
    carried_.add(stream, std::move(what), std::move(to));
  else if (what)
    what->end(closed_by_us);
}

void ssh_transport::ask(std::uint64_t asked) {
  if (phase_ == phase::over)
    return;
  if (!next_)
    next_ = std::make_unique<question>();
  next_->asked.push_back(asked);
}

void ssh_transport::close() {
  close_asked_ = true;
}

bool ssh_transport::pump(time_point now, std::vector<transport_event>& events) {
  listening to_libssh{link_.ear()};
  shared_.events = &events;
  shared_.now = now;
  bool more = false;
  if (close_asked_ && phase_ != phase::over && phase_ != phase::closing) {
    for (auto& stream : streams_)
      stream->closing();
    carried_.end(closed_by_us, &events);
    phase_ = phase::closing;
    close_due_ = now + std::chrono::milliseconds{200};
  }
  if (proxy_)
    proxy_->look(now);
  if (part()) {
    shared_.events = nullptr;
    return false;
  }
  if (phase_ >= phase::preparing && phase_ < phase::open)
    more = pump_opening();
  if (phase_ == phase::open)
    more = pump_open();
  if (phase_ == phase::closing)
    pump_closing();
  if (!more)
    mind_proxy();
  shared_.events = nullptr;
  return more;
}

/// All that is done with the link from its first byte to the log-in: keys and signatures come up wherever
/// libssh reads.
time_point ssh_transport::computes_until() const {
  bool computes = phase_ >= phase::exchanging_keys && phase_ <= phase::logging_in && !close_asked_ &&
                  !parting_ && (!way_ || way_->heard);
  return computes ? opening_->deadline : time_point::min();
}

time_point ssh_transport::next_due() const {
  auto due = close_due_;
  if (proxy_)
    due = std::min(due, proxy_->next_due());
  if (parting_)
    due = std::min(due, parting_->due);
  if (opening_ && phase_ > phase::fresh && phase_ < phase::open) {
    due = std::min({due, opening_->deadline, opening_->person_due});
    if (phase_ < phase::logging_in)
      due = std::min(due, opening_->machine_due);
    if (opening_->connecting && phase_ == phase::connecting)
      due = std::min(due, opening_->connecting->next_due());
    if (phase_ == phase::exchanging_keys && opening_->connecting)
      due = std::min(due, opening_->connecting->share_due());
    if (phase_ == phase::remembering)
      due = std::min(due, opening_->writing_due);
    if (opening_->logging_in)
      due = std::min(due, opening_->logging_in->next_due());
  }
  if (phase_ == phase::open) {
    due = std::min(due, reading_due());
    for (const auto& stream : streams_)
      due = std::min(due, stream->next_due());
    due = std::min(due, carried_.next_due());
    if (sweep_)
      due = std::min(due, sweep_->next_due());
  }
  return due;
}

void ssh_transport::note_heard() {
  if (std::exchange(packets_seen_, link_.packets_in()) != link_.packets_in())
    last_heard_ = shared_.now;
}

void ssh_transport::watch_socket() {
  if (!watch_.arm(true, link_.write_pending()) && phase_ != phase::over)
    fail({stage(), ssh_failure::descriptor_limit, destination_ + ": the system watches no more descriptors"});
}

ssh_stage ssh_transport::stage() const {
  switch (phase_) {
  case phase::fresh:
  case phase::preparing:
    return ssh_stage::prepare;
  case phase::connecting:
    return ssh_stage::connect;
  case phase::exchanging_keys:
    return way_ && !way_->note->begun() ? ssh_stage::connect : ssh_stage::key_exchange;
  case phase::verifying:
  case phase::remembering:
    return ssh_stage::host_key;
  case phase::logging_in:
    return ssh_stage::authenticate;
  default:
    return ssh_stage::session;
  }
}

/// Ends everything: streams first, then the transport.
void ssh_transport::fail(ssh_error error) {
  error.text = printable(error.text, printable_whole, lines::many);
  if (other_machine(error))
    return;
  if (opening_) {
    note_failure(error);
    sum_up(error);
  }
  for (auto& stream : streams_)
    stream->broken(error);
  carried_.end({errc::connection_lost, "its connection was lost: " + error.text}, nullptr);
  transport_failed told{std::move(error), {}, {}, {}, {}};
  if (auto* o = opening_.get()) {
    told.steps = std::move(o->steps);
    told.warnings = std::move(o->warnings);
    told.keys = o->logging_in  ? o->logging_in->keys()
                : o->preparing ? o->preparing->keys()
                               : std::vector<key_considered>{};
    told.machines = std::move(o->seen);
    told.files = o->preparing ? o->preparing->files() : o->ready ? std::move(o->ready->files) : files_used{};
    if (o->logging_in && !told.files.credentials.empty())
      told.files.credentials += o->logging_in->agent_state();
  }
  release();
  shared_.events->emplace_back(std::move(told));
}

/// Gives back everything that costs a descriptor or memory.
void ssh_transport::release() {
  phase_ = phase::over;
  parting_.reset();
  close_due_ = time_point::max();
  opening_ = nullptr; // first: its authenticator works on the session
  carried_.end(closed_by_us, nullptr);
  watch_.end();
  link_.drop(); // frees the channels too
  proxy_ = nullptr;
  asked_ = nullptr;
  next_ = nullptr;
  sweep_ = nullptr;
  carried_.clear();
  ending_.clear();
  streams_.clear();
}

} // namespace moorage
