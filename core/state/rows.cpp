#include "core/state/rows.hpp"

#include <array>

namespace agentcom {

namespace {

/// The names of an enum's values, in the order of their numbers: what lies in the store.
template <class E>
struct Names;

template <class E>
std::string_view name_of(E value) {
    return Names<E>::kNames.at(static_cast<size_t>(value));
}

template <class E>
bool value_of(std::string_view name, E& value) {
    for (size_t i = 0; i < Names<E>::kNames.size(); ++i) {
        if (Names<E>::kNames.at(i) != name) continue;
        value = static_cast<E>(i);
        return true;
    }
    return false;
}

template <>
struct Names<PrincipalKind> {
    static constexpr std::array<std::string_view, 3> kNames{"human", "agent", "system"};
};

template <>
struct Names<Role> {
    static constexpr std::array<std::string_view, 4> kNames{"agent", "viewer", "operator", "admin"};
};

template <>
struct Names<ReceiptKind> {
    static constexpr std::array<std::string_view, 5> kNames{"pushed", "delivered", "read", "acked", "dropped"};
};

template <>
struct Names<TaskState> {
    static constexpr std::array<std::string_view, 7> kNames{"held",      "queued",    "assigned",   "working",
                                                            "completed", "cancelled", "dead_letter"};
};

template <>
struct Names<HoldReason> {
    static constexpr std::array<std::string_view, 7> kNames{"none",       "not_before", "retry_delay", "paused",
                                                            "blocked_by", "approval",   "quota"};
};

template <>
struct Names<BlockerFailure> {
    static constexpr std::array<std::string_view, 3> kNames{"hold", "cancel", "run"};
};

template <>
struct Names<WaitTopic> {
    static constexpr std::array<std::string_view, 3> kNames{"mail", "task_end", "output"};
};

template <>
struct Names<Outcome> {
    static constexpr std::array<std::string_view, 12> kNames{
        "completed", "retried", "dead_letter", "rejected", "released",   "acceptance_timeout",
        "silent",    "stuck",   "max_run",     "deadline", "disconnect", "cancelled"};
};

template <>
struct Names<DeliveryState> {
    static constexpr std::array<std::string_view, 3> kNames{"waiting", "delivered", "failed"};
};

template <>
struct Names<StorageJobKind> {
    static constexpr std::array<std::string_view, 4> kNames{"backup", "compaction", "verification", "restore"};
};

template <>
struct Names<LimitOwner> {
    static constexpr std::array<std::string_view, 3> kNames{"agent", "address", "connection"};
};

template <>
struct Names<AlertSeverity> {
    static constexpr std::array<std::string_view, 3> kNames{"notice", "warning", "critical"};
};

template <>
struct Names<Comparison> {
    static constexpr std::array<std::string_view, 4> kNames{">", ">=", "<", "<="};
};

template <>
struct Names<DashboardMode> {
    static constexpr std::array<std::string_view, 2> kNames{"events", "deltas"};
};

template <>
struct Names<TimerKind> {
    static constexpr std::array<std::string_view, 35> kNames{"identify",
                                                             "idle",
                                                             "ping",
                                                             "acceptance",
                                                             "lease",
                                                             "max_run",
                                                             "stuck",
                                                             "grace",
                                                             "retry_delay",
                                                             "ageing",
                                                             "backoff",
                                                             "limit_end",
                                                             "mail_flush",
                                                             "cooldown",
                                                             "bucket_sweep",
                                                             "cancel_grace",
                                                             "wait_end",
                                                             "feed",
                                                             "feed_round",
                                                             "presence",
                                                             "reset",
                                                             "delivery",
                                                             "metrics_sample",
                                                             "alert_check",
                                                             "storage_wait",
                                                             "dashboard_round",
                                                             "deadline",
                                                             "not_before",
                                                             "mail_expiry",
                                                             "message_age",
                                                             "idempotency_expiry",
                                                             "token_expiry",
                                                             "backup_due",
                                                             "compaction_due",
                                                             "dead_letter_age"};
};

}  // namespace

std::string_view to_text(PrincipalKind value) { return name_of(value); }
bool from_text(std::string_view name, PrincipalKind& value) { return value_of(name, value); }
std::string_view to_text(Role value) { return name_of(value); }
bool from_text(std::string_view name, Role& value) { return value_of(name, value); }
std::string_view to_text(ReceiptKind value) { return name_of(value); }
bool from_text(std::string_view name, ReceiptKind& value) { return value_of(name, value); }
std::string_view to_text(TaskState value) { return name_of(value); }
bool from_text(std::string_view name, TaskState& value) { return value_of(name, value); }
std::string_view to_text(HoldReason value) { return name_of(value); }
bool from_text(std::string_view name, HoldReason& value) { return value_of(name, value); }
std::string_view to_text(BlockerFailure value) { return name_of(value); }
bool from_text(std::string_view name, BlockerFailure& value) { return value_of(name, value); }
std::string_view to_text(WaitTopic value) { return name_of(value); }
bool from_text(std::string_view name, WaitTopic& value) { return value_of(name, value); }
std::string_view to_text(Outcome value) { return name_of(value); }
bool from_text(std::string_view name, Outcome& value) { return value_of(name, value); }
std::string_view to_text(DeliveryState value) { return name_of(value); }
bool from_text(std::string_view name, DeliveryState& value) { return value_of(name, value); }
std::string_view to_text(StorageJobKind value) { return name_of(value); }
bool from_text(std::string_view name, StorageJobKind& value) { return value_of(name, value); }
std::string_view to_text(LimitOwner value) { return name_of(value); }
bool from_text(std::string_view name, LimitOwner& value) { return value_of(name, value); }
std::string_view to_text(AlertSeverity value) { return name_of(value); }
bool from_text(std::string_view name, AlertSeverity& value) { return value_of(name, value); }
std::string_view to_text(Comparison value) { return name_of(value); }
bool from_text(std::string_view name, Comparison& value) { return value_of(name, value); }
std::string_view to_text(DashboardMode value) { return name_of(value); }
bool from_text(std::string_view name, DashboardMode& value) { return value_of(name, value); }
std::string_view to_text(TimerKind value) { return name_of(value); }
bool from_text(std::string_view name, TimerKind& value) { return value_of(name, value); }

}  // namespace agentcom
