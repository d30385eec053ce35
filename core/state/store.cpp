#include "core/state/store.hpp"

#include <algorithm>

#include "core/base/assert.hpp"

namespace agentcom {

namespace {

std::string_view table_name(TableId table) {
    switch (table) {
        case TableId::hub:
            return "hub";
        case TableId::workspaces:
            return "workspaces";
        case TableId::principals:
            return "principals";
        case TableId::tokens:
            return "tokens";
        case TableId::mailboxes:
            return "mailboxes";
        case TableId::messages:
            return "messages";
        case TableId::receipts:
            return "receipts";
        case TableId::tasks:
            return "tasks";
        case TableId::task_inputs:
            return "task_inputs";
        case TableId::task_edges:
            return "task_edges";
        case TableId::attempts:
            return "attempts";
        case TableId::events:
            return "events";
        case TableId::idempotency:
            return "idempotency";
        case TableId::config:
            return "config";
        case TableId::task_outputs:
            return "task_outputs";
        case TableId::invites:
            return "invites";
        case TableId::task_runs:
            return "task_runs";
        case TableId::channels:
            return "channels";
        case TableId::memberships:
            return "memberships";
        case TableId::limit_overrides:
            return "limit_overrides";
        case TableId::limit_exempt:
            return "limit_exempt";
        case TableId::imports:
            return "imports";
        case TableId::metric_history:
            return "metric_history";
        case TableId::alerts:
            return "alerts";
        case TableId::alert_episodes:
            return "alert_episodes";
        case TableId::alert_rules:
            return "alert_rules";
        case TableId::push_subscriptions:
            return "push_subscriptions";
        case TableId::webhooks:
            return "webhooks";
        case TableId::deliveries:
            return "deliveries";
        case TableId::finished_lots:
            return "finished_lots";
        case TableId::storage_runs:
            return "storage_runs";
        default:
            return "";
    }
}

}  // namespace

const std::vector<TableSchema>& stored_tables() {
    static const std::vector<TableSchema> tables = [] {
        std::vector<TableSchema> schemas;
        for_each_stored_row([&schemas]<class Row>() {
            schemas.push_back(
                {Row::kTable, table_name(Row::kTable), Row::kClass, Row::kKeyColumns, column_schemas<Row>()});
        });
        return schemas;
    }();
    return tables;
}

const TableSchema& stored_table(TableId table) {
    for (const TableSchema& schema : stored_tables()) {
        if (schema.table == table) return schema;
    }
    throw CoreFault("a store was asked for a table that it does not keep", __FILE__, __LINE__);
}

bool matches_kind(const std::vector<std::string>& kinds, std::string_view kind) {
    const auto matches = [kind](const std::string& wanted) {
        if (!wanted.ends_with('*')) return wanted == kind;
        return kind.starts_with(std::string_view(wanted).substr(0, wanted.size() - 1));
    };
    return kinds.empty() || std::any_of(kinds.begin(), kinds.end(), matches);
}

std::optional<Hash128> checksum_of(TableId table, RowValues values) {
    std::optional<Hash128> checksum;
    for_each_stored_row([&]<class Row>() {
        if (Row::kTable != table) return;
        if (const std::optional<Row> row = row_from_values<Row>(std::move(values))) checksum = row_hash(*row);
    });
    return checksum;
}

}  // namespace agentcom
