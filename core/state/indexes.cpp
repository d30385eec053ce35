#include "core/state/indexes.hpp"

namespace agentcom {

namespace {

template <class Map, class Value>
void remove_from(Map& map, const typename Map::key_type& key, const Value& value) {
    const auto found = map.find(key);
    if (found == map.end()) return;
    found->second.erase(value);
    if (found->second.empty()) map.erase(found);
}

bool holds_unique_key(const TaskRow& task) {
    return task.live && !task.unique_key.empty() && task.state != TaskState::dead_letter;
}

}  // namespace

std::optional<size_t> Indexes::live_place(TaskState state) {
    switch (state) {
        case TaskState::held:
            return 0;
        case TaskState::queued:
            return 1;
        case TaskState::assigned:
            return 2;
        case TaskState::working:
            return 3;
        case TaskState::dead_letter:
            return 4;
        case TaskState::completed:
        case TaskState::cancelled:
            break;
    }
    return std::nullopt;
}

int64_t Indexes::lease_count(int64_t workspace, const std::string& agent) const {
    const auto found = leases.find({workspace, agent});
    return found == leases.end() ? 0 : static_cast<int64_t>(found->second.size());
}

bool Indexes::is_available(const AgentRow& agent) const {
    return agent.connection != 0 && !agent.limited && agent.backoff_until_us == 0 &&
           lease_count(agent.workspace, agent.agent) < agent.slots;
}

void Indexes::refresh_agent(int64_t workspace, const std::string& agent) {
    const Name name{workspace, agent};
    if (const auto old = available_.find(name); old != available_.end()) {
        queues[workspace].remove_worker(old->second);
        available_.erase(old);
    }
    const auto row = agents_.find(name);
    if (row != agents_.end() && is_available(row->second)) {
        Worker worker{agent, 0, row->second.idle_since_us, row->second.capabilities, kAllLanes};
        queues[workspace].add_worker(worker);
        available_.emplace(name, std::move(worker));
    }
}

void Indexes::changed(const TimerRow* before, const TimerRow* after) {
    if (before != nullptr)
        (is_wall_timer(before->kind) ? wall_timers : mono_timers).erase({before->deadline, before->key()});
    if (after != nullptr)
        (is_wall_timer(after->kind) ? wall_timers : mono_timers).insert({after->deadline, after->key()});
}

void Indexes::changed(const SessionRow* before, const SessionRow* after) {
    const auto identified = [](const SessionRow* row) {
        return row != nullptr && !row->agent.empty() && !row->closing;
    };
    if (before != nullptr) connections.erase(before->connection);
    if (identified(before)) {
        remove_from(sessions, before->workspace, before->connection);
        remove_from(newer_sessions, before->workspace, before->connection);
    }
    if (after != nullptr) connections.insert(after->connection);
    if (identified(after)) {
        sessions[after->workspace].insert(after->connection);
        if (after->protocol_version >= 2) newer_sessions[after->workspace].insert(after->connection);
    }
}

void Indexes::changed(const MailRow* before, const MailRow* after) {
    if (before != nullptr && !before->channel.empty()) {
        remove_from(channel_mail, {before->workspace, before->channel}, before->channel_seq);
        mail_by_seq.erase({before->workspace, before->seq});
    } else if (before != nullptr) {
        remove_from(mail, {before->workspace, before->agent}, before->seq);
        mail_by_seq.erase({before->workspace, before->seq});
        if (before->expires_at != INT64_MAX) {
            remove_from(mail_expiry, before->workspace, std::tuple{before->expires_at, before->agent, before->seq});
        }
        remove_from(mail_age, before->workspace, std::tuple{before->sent_at, before->agent, before->seq});
        if (before->undeliverable) remove_from(undeliverable, before->workspace, std::pair{before->seq, before->agent});
    }
    if (after != nullptr && !after->channel.empty()) {
        channel_mail[{after->workspace, after->channel}].emplace(after->channel_seq, after->seq);
        mail_by_seq.emplace(after->workspace, after->seq);
    } else if (after != nullptr) {
        mail[{after->workspace, after->agent}].insert(after->seq);
        mail_by_seq.emplace(after->workspace, after->seq);
        if (after->expires_at != INT64_MAX) {
            mail_expiry[after->workspace].emplace(after->expires_at, after->agent, after->seq);
        }
        mail_age[after->workspace].emplace(after->sent_at, after->agent, after->seq);
        if (after->undeliverable) undeliverable[after->workspace].emplace(after->seq, after->agent);
    }
}

void Indexes::changed(const ChannelRow* before, const ChannelRow* after) {
    if (before != nullptr && after == nullptr) channels.erase({before->workspace, before->name});
    if (after != nullptr && before == nullptr) channels.emplace(after->workspace, after->name);
}

void Indexes::changed(const MembershipRow* before, const MembershipRow* after) {
    if (before != nullptr) {
        if (before->is_member()) remove_from(members, {before->workspace, before->channel}, before->join);
        remove_from(channel_agents, {before->workspace, before->channel}, before->agent);
        remove_from(agent_channels, {before->workspace, before->agent}, before->channel);
    }
    if (after != nullptr) {
        if (after->is_member()) members[{after->workspace, after->channel}].emplace(after->join, after->agent);
        channel_agents[{after->workspace, after->channel}].insert(after->agent);
        agent_channels[{after->workspace, after->agent}].insert(after->channel);
    }
}

void Indexes::changed(const PrincipalRow* before, const PrincipalRow* after) {
    if (before != nullptr) principals.erase({before->workspace, before->id});
    if (after != nullptr) principals.emplace(after->workspace, after->id);
}

void Indexes::changed(const TokenRow* before, const TokenRow* after) {
    if (before != nullptr) remove_from(tokens, {before->workspace, before->principal}, before->sha256);
    if (after != nullptr) tokens[{after->workspace, after->principal}].insert(after->sha256);
}

void Indexes::changed(const WorkspaceRow* before, const WorkspaceRow* after) {
    if (before != nullptr && after != nullptr && before->name == after->name) return;
    if (before != nullptr) workspaces.erase(before->name);
    if (after != nullptr) workspaces[after->name] = after->id;
}

void Indexes::changed(const TaskRow* before, const TaskRow* after) {
    const auto listed_as = [](const TaskRow* task) { return task == nullptr ? std::nullopt : live_place(task->state); };
    if (listed_as(before) != listed_as(after) ||
        (before != nullptr && after != nullptr &&
         std::tie(before->priority, before->seq) != std::tie(after->priority, after->seq))) {
        if (const auto place = listed_as(before)) {
            task_lists[before->workspace].at(*place).erase({before->priority, before->seq, before->id});
            --state_counts[before->workspace].at(*place);
            if (before->state != TaskState::dead_letter) {
                --priority_counts[before->workspace].at(static_cast<size_t>(before->priority));
            }
        }
        if (const auto place = listed_as(after)) {
            task_lists[after->workspace].at(*place).emplace(after->priority, after->seq, after->id);
            ++state_counts[after->workspace].at(*place);
            if (after->state != TaskState::dead_letter) {
                ++priority_counts[after->workspace].at(static_cast<size_t>(after->priority));
            }
        }
    }
    // The agent's availability depends on its number of leases: take it out before they change, back in after.
    if (before != nullptr) {
        if (before->live) --live_tasks;
        if (before->state == TaskState::queued) {
            queues[before->workspace].remove_task(*before);
            remove_from(queued_since, before->workspace, std::pair{before->queued_at, before->seq});
        }
        if (before->state == TaskState::dead_letter)
            remove_from(dead_letters, before->workspace, std::pair{before->updated_at, before->id});
        if (before->leased() && before->assigned_to)
            remove_from(leases, {before->workspace, *before->assigned_to}, before->id);
        if (holds_unique_key(*before)) unique_keys.erase({before->workspace, before->unique_key});
    }
    if (after != nullptr) {
        if (after->live) ++live_tasks;
        if (after->state == TaskState::queued) {
            queues[after->workspace].add_task(*after);
            queued_since[after->workspace].emplace(after->queued_at, after->seq);
        }
        if (after->state == TaskState::dead_letter)
            dead_letters[after->workspace].emplace(after->updated_at, after->id);
        if (after->leased() && after->assigned_to) leases[{after->workspace, *after->assigned_to}].insert(after->id);
        if (holds_unique_key(*after)) unique_keys[{after->workspace, after->unique_key}] = after->id;
    }
    if (before != nullptr && before->leased() && before->assigned_to)
        refresh_agent(before->workspace, *before->assigned_to);
    if (after != nullptr && after->leased() && after->assigned_to) refresh_agent(after->workspace, *after->assigned_to);
}

void Indexes::changed(const TaskEdgeRow* before, const TaskEdgeRow* after) {
    if (before != nullptr) {
        remove_from(blocks, {before->workspace, before->blocked_by}, before->task_id);
        remove_from(blockers, {before->workspace, before->task_id}, before->blocked_by);
    }
    if (after != nullptr) {
        blocks[{after->workspace, after->blocked_by}].insert(after->task_id);
        blockers[{after->workspace, after->task_id}].insert(after->blocked_by);
    }
}

void Indexes::changed(const AttemptRow* before, const AttemptRow* after) {
    if (before != nullptr) remove_from(attempts, {before->workspace, before->task_id}, before->generation);
    if (after != nullptr) attempts[{after->workspace, after->task_id}].insert(after->generation);
}

void Indexes::changed(const IdempotencyRow* before, const IdempotencyRow* after) {
    if (before != nullptr) idempotency_expiry.erase({before->expires_at, before->key()});
    if (after != nullptr) idempotency_expiry.emplace(after->expires_at, after->key());
}

void Indexes::changed(const AgentRow* before, const AgentRow* after) {
    if (before != nullptr && before->unresponsive)
        remove_from(unresponsive, before->workspace, std::pair{before->changed_at, before->agent});
    if (after != nullptr && after->unresponsive)
        unresponsive[after->workspace].emplace(after->changed_at, after->agent);
    if (after != nullptr) {
        agents_[{after->workspace, after->agent}] = *after;
        refresh_agent(after->workspace, after->agent);
    } else if (before != nullptr) {
        agents_.erase({before->workspace, before->agent});
        refresh_agent(before->workspace, before->agent);
    }
}

void Indexes::changed(const LeaseRow* before, const LeaseRow* after) {
    if (before != nullptr && before->stuck)
        remove_from(stuck_leases, before->workspace, std::pair{before->progress_us, before->task_id});
    if (after != nullptr && after->stuck) stuck_leases[after->workspace].emplace(after->progress_us, after->task_id);
}

void Indexes::changed(const FeedRow* before, const FeedRow* after) {
    if (before != nullptr) {
        remove_from(feeds, before->workspace, before->request);
        if (before->query != 0) remove_from(feeds_by_query, before->query, before->request);
    }
    if (after != nullptr) {
        feeds[after->workspace].insert(after->request);
        if (after->query != 0) feeds_by_query[after->query].insert(after->request);
    }
}

void Indexes::changed(const FairnessRow* before, const FairnessRow* after) {
    const FairnessRow& row = after != nullptr ? *after : *before;
    const int64_t was = before == nullptr ? 0 : before->served;
    const int64_t is = after == nullptr ? 0 : after->served;
    if (before != nullptr) fairness_age.erase({before->served, before->key()});
    if (after != nullptr) fairness_age.emplace(after->served, after->key());
    queues[row.workspace].set_served(row.lane, row.fairness_key, was, is);
}

void Indexes::changed(const RunRow* before, const RunRow* after) {
    if (before != nullptr && before->question)
        remove_from(questions, before->workspace, std::pair{before->asked_at, before->task_id});
    if (after != nullptr && after->question) questions[after->workspace].emplace(after->asked_at, after->task_id);
}

void Indexes::changed(const ClaimRow* before, const ClaimRow* after) {
    const auto worker = [](const ClaimRow& row) {
        return Worker{row.agent, row.request, row.since_us, row.capabilities, row.lanes};
    };
    if (before != nullptr) {
        queues[before->workspace].remove_worker(worker(*before));
        remove_from(claims, {before->workspace, before->agent}, before->request);
    }
    if (after != nullptr) {
        queues[after->workspace].add_worker(worker(*after));
        claims[{after->workspace, after->agent}].insert(after->request);
    }
}

void Indexes::changed(const WaitRow* before, const WaitRow* after) {
    if (before != nullptr) waits.erase({before->workspace, before->topic, before->subject, before->request});
    if (after != nullptr) waits.emplace(after->workspace, after->topic, after->subject, after->request);
}

void Indexes::changed(const BucketRow* before, const BucketRow* after) {
    if ((before == nullptr) == (after == nullptr)) return;
    const BucketRow& row = before == nullptr ? *after : *before;
    std::set<BucketRow::Key>& set = buckets.at(static_cast<size_t>(row.owner));
    if (after == nullptr) {
        set.erase(row.key());
    } else {
        set.insert(row.key());
    }
}

void Indexes::listen(int64_t workspace, const std::string& receiver, const std::vector<std::string>& kinds,
                     bool listens) {
    for (const std::string& kind : kinds) {
        if (listens) {
            listeners[workspace][kind].insert(receiver);
            continue;
        }
        const auto found = listeners.find(workspace);
        if (found == listeners.end()) return;
        remove_from(found->second, kind, receiver);
        if (found->second.empty()) listeners.erase(found);
    }
}

std::set<std::string> Indexes::listeners_of(int64_t workspace, std::string_view kind) const {
    std::set<std::string> all;
    const auto of_workspace = listeners.find(workspace);
    if (of_workspace == listeners.end()) return all;
    const auto add = [&](std::string_view pattern) {
        const auto found = of_workspace->second.find(pattern);
        if (found != of_workspace->second.end()) all.insert(found->second.begin(), found->second.end());
    };
    add(kind);
    add("*");
    // A pattern ends behind a whole word, so that a kind has as many as it has words.
    for (size_t at = kind.find('_'); at != std::string_view::npos; at = kind.find('_', at + 1)) {
        add(std::string(kind.substr(0, at + 1)) + "*");
    }
    return all;
}

void Indexes::changed(const PushSubscriptionRow* before, const PushSubscriptionRow* after) {
    if (before != nullptr) listen(before->workspace, "push/" + before->id, before->kinds, false);
    if (after != nullptr) listen(after->workspace, "push/" + after->id, after->kinds, true);
}

void Indexes::changed(const WebhookRow* before, const WebhookRow* after) {
    if (before != nullptr && before->enabled) listen(before->workspace, "webhook/" + before->id, before->kinds, false);
    if (after != nullptr && after->enabled) listen(after->workspace, "webhook/" + after->id, after->kinds, true);
}

void Indexes::changed(const DeliveryRow* before, const DeliveryRow* after) {
    if (before != nullptr && after != nullptr && before->state == after->state) return;
    const auto list_of = [this](const DeliveryRow& row) -> std::map<Name, std::set<int64_t>>& {
        return row.state == DeliveryState::waiting ? deliveries_waiting : deliveries_ended;
    };
    if (before != nullptr) remove_from(list_of(*before), {before->workspace, before->receiver}, before->seq);
    if (after != nullptr) list_of(*after)[{after->workspace, after->receiver}].insert(after->seq);
}

void Indexes::changed(const DashboardRow* before, const DashboardRow* after) {
    const auto is_shown = [](const DashboardRow* row) { return row != nullptr && row->admitted && !row->closing; };
    if (is_shown(before)) {
        remove_from(dashboards, before->workspace, before->connection);
        remove_from(event_dashboards, before->workspace, before->connection);
    }
    if (is_shown(after)) {
        dashboards[after->workspace].insert(after->connection);
        if (after->mode == DashboardMode::events) event_dashboards[after->workspace].insert(after->connection);
    }
}

}  // namespace agentcom
