// What dashboards are sent, and when.
//
// News leave in rounds, one per workspace and `dashboard_interval_ms`. In a round the view model is made once, compared
// with that of the round before, and the difference written once; every dashboard that follows by deltas gets the same
// bytes. Dashboards in the mode of v1.1 share one batch of events likewise, and one snapshot if any of them asked.
//
// A dashboard has one lot of frames under way at most: it gets the next when `MailPushed` says that the last has left.
// One that lags gets the deltas it missed while they are kept, and after that the model anew; in the mode of v1.1 it
// gets a snapshot. So whatever it does, it costs the hub no more memory.
//
// This is no part of the state: it is what has been sent. What the rows say decides when there are rounds and who wants
// what; a hub that was loaded, or had to take turns back, begins anew, and every dashboard gets a snapshot.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/hub/input.hpp"
#include "core/state/context.hpp"
#include "core/view/model.hpp"

namespace agentcom {

class DashboardFeed {
  public:
    /// After an input that stands, when the figures have taken over what it noted.
    void apply(Context& ctx, const Input& input);
    /// What was sent cannot be relied on.
    void reset();

  private:
    using Text = std::shared_ptr<const std::string>;
    struct Delta {
        int64_t seq = 0;
        Text text;
    };
    struct Workspace {
        view::Model model;  ///< as of the last delta; without an epoch: none was made yet
        std::deque<Delta> deltas;
        int64_t deltas_bytes = 0;
        std::vector<std::string> events;  ///< of the mode of v1.1, not yet sent
        int64_t events_bytes = 0;
        bool events_lost = false;  ///< there were too many of them
    };
    struct Reader {
        int64_t asked = 0;      ///< as in its row, as far as it was answered
        int64_t seq = 0;        ///< of the last delta it was sent
        int64_t under_way = 0;  ///< the mark of the last frame it was sent; 0: it has left
        bool behind = false;    ///< events went by: a snapshot makes up for them
    };
    /// Frames, and who gets them: all that one round sends.
    struct Sending {
        std::vector<Text> texts;
        std::vector<ConnectionId> to;
    };
    /// A round at work.
    struct Round;

    void taken(const MailPushed& pushed);
    void note(Context& ctx);
    void add_event(int64_t workspace, std::string event);
    void run(Context& ctx, int64_t workspace);
    void refresh(const Context& ctx, int64_t workspace, Workspace& feed);
    void serve_delta(const Context& ctx, Round& round, const DashboardRow& row, Reader& reader);
    void serve_events(const Context& ctx, Round& round, const DashboardRow& row, Reader& reader);
    void send(Context& ctx, const Round& round);
    void forget_gone(const Context& ctx);

    std::map<int64_t, Workspace> workspaces_;
    std::map<ConnectionId, Reader> readers_;
    int64_t marks_ = 0;  ///< given to frames so far
};

}  // namespace agentcom
