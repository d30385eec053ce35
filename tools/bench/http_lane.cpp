#include "tools/bench/http_lane.hpp"

#include <utility>

namespace agentcom::bench {

void HttpLane::on_end(std::string_view why) { loop_.fail("an HTTP connection ended: " + std::string(why)); }

void HttpLane::on_bytes(std::string_view bytes) {
    std::string held = std::exchange(partial_, {});
    held += bytes;
    std::string_view rest = held;
    while (const auto answer = scan_http_answer(rest)) {
        if (answer->status == 0 || unanswered_ == 0) return loop_.fail("the hub sent what is no answer to a request");
        rest.remove_prefix(answer->size);
        --unanswered_;
        on_answer_(answer->status, answer->body);
    }
    partial_.assign(rest);
}

}  // namespace agentcom::bench
