#include "runtime/system/passing.hpp"

#include <cerrno>

namespace moorage {

bool is_passing(int error) {
  switch (error) {
  case EMFILE:
  case ENFILE:
  case ENOMEM:
  case ENOBUFS:
  case EAGAIN: // somebody holds a lease of the file
  case EINTR:
  case EIO:
  case ETIMEDOUT:
  case ESTALE:
  case ENOTCONN:
  case ECONNREFUSED:
  case ECONNRESET:
  case ECONNABORTED:
  case EHOSTDOWN:
  case EHOSTUNREACH:
  case ENETDOWN:
  case ENETUNREACH:
    return true;
  default:
    return false;
  }
}

std::string advice_on_passing(int error) {
  const std::string again = "This may pass, and the next log-in tries again; if it does not pass, ";
  switch (error) {
  case EMFILE:
    return again + "raise the limit of open files (ulimit -n, LimitNOFILE=) or make the pools smaller";
  case ENFILE:
    return again + "close programs or raise the system's limit of open files (fs.file-max)";
  case ENOMEM:
  case ENOBUFS:
    return again + "free memory or raise its limit (ulimit -v, MemoryMax=)";
  default:
    return again + "see to the file system or the directory service";
  }
}

} // namespace moorage
