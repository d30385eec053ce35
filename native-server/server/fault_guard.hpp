// What happens when an input breaks an invariant of the hub: it is saved, refused from then on, and, when faults of
// several kinds come within a minute, the process is to end, so that one poison frame does not take a fleet down and a
// hub that is really broken does not limp on.
//
// A fault file (DIR/faults/<wall ms>-<first 16 digits of the hash>.fault, 0600) is one line of JSON, the hub's state
// before the input (Hub::save), and the input (encode_input):
//
//     {"format":"agentcom-fault-1","hub_version":…,"saved_at":…,"text":…,"file":…,"line":…,"input":"FrameReceived",
//      "refuse":"<SHA-256 of what is refused, or empty>","planted_fault":…,"settings":{…},"state_bytes":N,
//      "input_bytes":M}
//
// The state is saved for the first fault at a place in the code and then at most once a minute: it can be large.
// A file without it (state_bytes 0) still refuses its input after a restart. No credential is ever in one, since none
// is in an input. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/hub/hub.hpp"
#include "core/hub/input.hpp"
#include "core/state/settings.hpp"

namespace agentcom {

class FaultGuard {
  public:
    /// Reads what earlier runs refused.
    FaultGuard(std::string data_directory, const Settings& settings);

    /// Whether this input made the hub fail before.
    bool refuses(const InputBody& input) const;

    struct Outcome {
        std::string saved_as;  ///< the file; "" when it could not be written
        std::string error;     ///< why not
        bool give_up = false;  ///< the third place in the code within a minute: end the process with kFaultExitCode
    };
    /// Takes in a fault: refuses the input from now on and saves it. `state` gives Hub::save() of the hub as it was
    /// before the input, and is called only when it is to be saved.
    Outcome take(const Input& input, const Fault& fault, const std::function<std::string()>& state);

    /// The service manager starts the hub again.
    static constexpr int kFaultExitCode = 70;

  private:
    void read_files();
    void remove_oldest_files() const;
    bool too_many_kinds(const std::string& place, int64_t mono_us);

    std::string directory_;
    Settings settings_;
    std::set<std::string, std::less<>> refused_;
    std::map<std::string, int64_t> state_saved_us_;       // by place
    std::deque<std::pair<int64_t, std::string>> recent_;  // (mono_us, place)
};

/// What identifies an input that is to be refused: the SHA-256 of a frame's text, or of a request's method, path, query
/// and body. Nothing for inputs that no client sends.
std::optional<std::string> refusal_hash(const InputBody& input);

struct ReplayOutcome {
    bool loaded = false;
    bool repeated = false;
    std::string text;  ///< for people
};
/// Loads a fault file and applies its input to its state.
ReplayOutcome replay_fault(const std::string& path);

}  // namespace agentcom
