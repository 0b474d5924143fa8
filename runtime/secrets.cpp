#include "runtime/secrets.hpp"

#include <cstring>
#include <utility>

namespace moorage {

secret::secret(std::string_view bytes) : secret(with_size(bytes.size())) {
  if (!bytes.empty())
    std::memcpy(bytes_.get(), bytes.data(), bytes.size());
}

secret secret::with_size(std::size_t size) {
  secret result;
  result.bytes_ = std::make_unique<char[]>(size + 1); // zeroes
  result.size_ = result.room_ = size;
  return result;
}

void secret::shrink(std::size_t size) {
  if (size < size_) {
    size_ = size;
    bytes_[size] = '\0';
  }
}

secret::secret(secret&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)),
      room_(std::exchange(other.room_, 0)) {}

secret& secret::operator=(secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
    room_ = std::exchange(other.room_, 0);
  }
  return *this;
}

secret::~secret() {
  wipe();
}

secret secret::clone() const {
  return bytes_ ? secret{std::string_view{bytes_.get(), size_}} : secret{};
}

void secret::wipe() noexcept {
  if (bytes_)
    explicit_bzero(bytes_.get(), room_ + 1);
  bytes_.reset();
  size_ = room_ = 0;
}

std::optional<secret> memory_secret_store::find(const std::string& name) {
  std::lock_guard guard{mutex_};
  auto entry = entries_.find(name);
  if (entry == entries_.end())
    return std::nullopt;
  return entry->second.clone();
}

void memory_secret_store::put(const std::string& name, secret value) {
  std::lock_guard guard{mutex_};
  entries_.insert_or_assign(name, std::move(value));
}

bool memory_secret_store::erase(const std::string& name) {
  std::lock_guard guard{mutex_};
  return entries_.erase(name) > 0;
}

bool memory_secret_store::empty() {
  std::lock_guard guard{mutex_};
  return entries_.empty();
}

} // namespace moorage
