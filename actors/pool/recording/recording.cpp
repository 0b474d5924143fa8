// A recording as a file has it.
#include "actors/pool/recording/recording.hpp"

#include "actors/pool/recording/archive.hpp"

namespace moorage {

namespace {

/// Changes whenever the parts do; what is in them is told by the version and by `kept_here`.
constexpr std::string_view magic = "moorfl1\n";

enum class part : std::uint8_t { header, snapshot, events, end };

/// Tells builds apart that keep other things: fresh ones of everything that is kept, written down. A member
/// more or less makes it another.
std::uint64_t kept_here() {
  archive_writer all;
  pool_core{{}, 0}.write(all);
  all(pool_connection{}, pool_lease{}, pool_pause{}, ended_lease{}, pending_request{}, permit_wish{}, doom{},
      waiter{});
  auto each = [&all]<class... Ts>(const std::variant<Ts...>*) { all(Ts{}...); };
  each(static_cast<const pool_event*>(nullptr));
  each(static_cast<const pool_effect*>(nullptr));
  return digest_of(all.bytes());
}

void put(std::string& to, part kind, std::string_view bytes) {
  archive_writer length;
  length(kind);
  length.number(bytes.size());
  to += length.bytes();
  to += bytes;
  length.clear();
  length.word(digest_of(bytes, static_cast<std::uint64_t>(kind)));
  to += length.bytes();
}

/// The bytes of the next part and where they begin.
std::string_view take(archive_reader& in, part& kind, std::size_t& offset) {
  in(kind);
  auto size = in.number();
  offset = in.offset();
  auto bytes = in.some(size);
  auto ends = in.offset();
  if (in.word() != digest_of(bytes, static_cast<std::uint64_t>(kind)) && !in.failed())
    in.fail("the bytes from offset " + std::to_string(offset) + " to " + std::to_string(ends) +
            " are not what was written");
  return bytes;
}

failure damaged(const std::string& fault) {
  return {errc::invalid_request, "the recording is damaged: " + fault};
}

failure read_header(std::string_view bytes, std::size_t offset, const std::string& version,
                    recording_header& header) {
  archive_reader in{bytes, offset};
  std::uint64_t kept = 0;
  in(header.version);
  kept = in.word();
  if (!in.failed() && header.version != version)
    return {errc::invalid_request, "the recording was written by moorage " + header.version +
                                       ", and this is " + version +
                                       ": only the version that wrote one can replay it"};
  if (!in.failed() && kept != kept_here())
    return {errc::invalid_request, "the recording was written by another build of moorage " + version +
                                       ", which keeps other things: only the build that wrote one can "
                                       "replay it"};
  in(header.cluster, header.written_at, header.now, header.why);
  if (!in.at_end())
    in.fail("the header is longer than it may be");
  return in.failed() ? damaged(in.fault()) : failure{};
}

} // namespace

std::uint64_t digest_of(const pool_effects& effects, archive_writer& scratch) {
  scratch.clear();
  scratch(effects);
  return digest_of(scratch.bytes());
}

std::string to_bytes(const recording& what) {
  std::string bytes{magic};
  archive_writer header;
  header(what.header.version);
  header.word(kept_here());
  header(what.header.cluster, what.header.written_at, what.header.now, what.header.why);
  put(bytes, part::header, header.bytes());
  for (const auto& leg : what.legs) {
    put(bytes, part::snapshot, leg.snapshot);
    put(bytes, part::events, leg.events);
  }
  put(bytes, part::end, {});
  return bytes;
}

failure read_recording(std::string_view bytes, const std::string& version, recording& result) {
  if (!bytes.starts_with(magic))
    return {errc::invalid_request, bytes.starts_with("moorfl")
                                       ? "the recording is of a format that this version does not read"
                                       : "this is no recording: it does not begin as one does"};
  result = {};
  archive_reader in{bytes.substr(magic.size()), magic.size()};
  part kind{};
  std::size_t offset = 0;
  auto header = take(in, kind, offset);
  if (in.failed())
    return damaged(in.fault());
  if (kind != part::header)
    return damaged("offset " + std::to_string(magic.size()) + ": it does not begin with its header");
  if (auto wrong = read_header(header, offset, version, result.header); wrong.code != errc::none)
    return wrong;
  while (!in.failed()) {
    auto content = take(in, kind, offset);
    auto amid = !result.legs.empty() && result.legs.back().events_offset == 0;
    if (in.failed())
      break;
    if (kind == part::snapshot && !amid)
      result.legs.push_back({std::string{content}, {}, offset, 0});
    else if (kind == part::events && amid)
      result.legs.back().events = content, result.legs.back().events_offset = offset;
    else if (kind == part::end && !amid && !result.legs.empty() && in.at_end())
      return {};
    else
      in.fail("the parts are not in order");
  }
  return damaged(in.fault());
}

} // namespace moorage
