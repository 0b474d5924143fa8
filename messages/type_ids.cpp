#include "messages/type_ids.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/all.hpp>
#include <tuple>

#include "messages/printable.hpp"

#define MOORAGE_HERE(type)                                                                                   \
  template class caf::detail::tuple_vals_impl<caf::type_erased_tuple, moorage::type>;                        \
  template class caf::detail::tuple_vals_impl<caf::detail::message_data, moorage::type>;                     \
  template class caf::detail::tuple_vals<moorage::type>;
MOORAGE_MESSAGES(MOORAGE_HERE)
#undef MOORAGE_HERE

namespace moorage {

namespace {

constexpr auto category = caf::atom("moorage");

std::string render(std::uint8_t code, caf::atom_value, const caf::message& context) {
  auto text = to_string(static_cast<errc>(code));
  if (context.match_elements<std::string>())
    text += ": " + context.get_as<std::string>(0);
  return text;
}

} // namespace

caf::error make_error(errc code, const std::string& text) {
  // Names, labels, paths and servers' words are in these texts, and they go to people.
  return {static_cast<std::uint8_t>(code), category,
          caf::make_message(printable(text, printable_whole, lines::many))};
}

failure to_failure(const caf::error& error) {
  if (!error)
    return {};
  if (error.category() == category) {
    failure result{static_cast<errc>(error.code()), {}};
    if (error.code() >= static_cast<std::uint8_t>(errc::count_))
      result.code = errc::internal;
    if (error.context().match_elements<std::string>())
      result.text = error.context().get_as<std::string>(0);
    return result;
  }
  if (error == caf::sec::request_receiver_down)
    return {errc::receiver_gone,
            "what was asked had ended and never read the request: nothing was done; ask anew"};
  if (error == caf::sec::request_timeout)
    return {
        errc::request_timeout,
        "no answer within the time that the asker itself set for the request; it may still be carried out"};
  return {errc::internal, "unexpected error from the actor system: " + caf::to_string(error)};
}

void add_message_types(caf::actor_system_config& config) {
  config.add_message_types<caf::id_block::moorage>();
  config.add_error_category(category, render);
}

} // namespace moorage
