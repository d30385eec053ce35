// Bytes that arrive in pieces, as valid UTF-8: a character cut in two waits for its rest, what is no UTF-8 becomes
// U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace agentcom::cli {

class Utf8Stream {
  public:
    // The text that these bytes complete.
    std::string feed(std::string_view bytes);
    // What is left at the end.
    std::string finish();

  private:
    std::string held_;
};

}  // namespace agentcom::cli
