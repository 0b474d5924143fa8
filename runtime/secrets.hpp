// Passwords and passphrases. A secret is never in a log, an error, an event or a message: its type cannot be
// printed, serialised, compared into a text or copied by accident, and its bytes are wiped when it goes.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)

namespace moorage {

/// Bytes nobody else may see. Moves; copies only by `clone`. Wiped on destruction, also of what was moved
/// from.
class secret {
public:
  secret() = default;
  explicit secret(std::string_view bytes);
  /// So many bytes of zero, to be written in place with `write_at`.
  static secret with_size(std::size_t size);
  secret(secret&& other) noexcept;
  secret& operator=(secret&& other) noexcept;
  secret(const secret&) = delete;
  secret& operator=(const secret&) = delete;
  ~secret();

  secret clone() const;
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  /// The one way to the bytes, for the call that needs them: NUL-terminated, valid while this object lives
  /// unmoved. Never let the pointer or a copy outlive that call.
  const char* reveal() const { return bytes_ ? bytes_.get() : ""; }

  /// For the one that reads a secret from where it is kept: room from `offset` to `size`.
  char* write_at(std::size_t offset) { return bytes_.get() + offset; }
  /// Keeps the first `size` bytes.
  void shrink(std::size_t size);

private:
  void wipe() noexcept;

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t room_ = 0; ///< what is wiped
};

/// Where secrets are kept, by name. Called on threads for blocking calls only: a keyring may ask the user.
/// Every member may be called from any thread, and at the same time.
class secret_store {
public:
  virtual ~secret_store() = default;
  /// Nothing: no entry of that name.
  virtual std::optional<secret> find(const std::string& name) = 0;
  /// Replaces an entry of that name.
  virtual void put(const std::string& name, secret value) = 0;
  /// False: there was none.
  virtual bool erase(const std::string& name) = 0;
  /// It has no entry: advice then does not speak of it, since nobody here gives secrets.
  virtual bool empty() { return false; }
};

/// Kept in this process's memory only.
class memory_secret_store final : public secret_store {
public:
  std::optional<secret> find(const std::string& name) override;
  void put(const std::string& name, secret value) override;
  bool erase(const std::string& name) override;
  bool empty() override;

private:
  // edge: host threads put secrets in, blocking threads look them up.
  std::mutex mutex_;
  std::map<std::string, secret> entries_;
};

} // namespace moorage

#pragma GCC visibility pop
