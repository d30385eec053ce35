#include "tools/cli/command_tree.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

CLI::Option* add_span(CLI::App& app, const char* flag, std::optional<int64_t>& target_ms, const char* help) {
    return app
        .add_option_function<std::string>(
            flag, [&target_ms](const std::string& text) { target_ms = parse_duration_ms(text); }, help)
        ->type_name("SPAN")
        ->check(span_check());
}

CLI::Option* add_words(CLI::App& app, const char* flag, std::vector<std::string>& target, const char* help) {
    return app.add_option(flag, target, help)->expected(1)->take_all()->check(name_check());
}

void add_submit(CommandTree& tree) {
    const auto [app, submit] = tree.add<SubmitCommand>(tree.root(), "submit", "Submit a task for an agent to do");
    app.footer(
        "`agentcom submit -` reads tasks from standard input, one JSON object a line, with the\n"
        "fields of POST /api/tasks; all are taken or none. blocked_by and parent_id may say \"#0\"\n"
        "for the first of them. Options given beside it are defaults for what a line leaves out.");
    app.add_option("DESCRIPTION", submit.description, "What is to be done; - for JSON Lines on standard input")
        ->required();
    app.add_option("--priority", submit.priority, "urgent, high, normal (default) or low")
        ->type_name("P")
        ->check(CLI::IsMember({"urgent", "high", "normal", "low"}));
    add_words(app, "--needs", submit.needs, "A capability the agent must have; repeatable")->type_name("CAP");
    app.add_option("--metadata", submit.metadata_raw, "A JSON object for the agent, byte for byte")
        ->type_name("JSON")
        ->check(json_object_check());
    app.add_option("--max-retries", submit.max_retries, "Failures until it is a dead letter (default 3)")
        ->type_name("N");
    app.add_option("--complete-by", submit.complete_by, "Deadline: +2h, 2026-01-31T18:00:00Z or Unix ms")
        ->type_name("TIME")
        ->check(time_check());
    app.add_option("--not-before", submit.not_before, "Hold it until then")->type_name("TIME")->check(time_check());
    add_span(app, "--max-run", submit.max_run_ms, "The longest one attempt may run, such as 15m");
    app.add_option("--unique-key", submit.unique_key, "At most one unfinished task has this key")->type_name("KEY");
    add_words(app, "--blocked-by", submit.blocked_by, "A task that must end first; repeatable")->type_name("ID");
    app.add_option("--on-blocker-failure", submit.on_blocker_failure,
                   "If one of those is cancelled or a dead letter: hold (default),\n"
                   "cancel this one too, or run it")
        ->type_name("P")
        ->check(CLI::IsMember({"hold", "cancel", "run"}));
    app.add_option("--kind", submit.kind, "What sort of task it is")->type_name("K");
    add_words(app, "--label", submit.labels, "A word to file it under; repeatable")->type_name("L");
    app.add_option("--parent", submit.parent_id, "The task that this one is a part of")->type_name("ID");
    app.add_option("--fairness-key", submit.fairness_key, "Tasks with different keys take turns")->type_name("KEY");
    app.add_option("--trace", submit.trace, "A trace context to pass on")->type_name("T");
    app.add_flag("--wait", submit.wait, "Wait for the end and print the result; see --timeout");
}

template <class C>
DeclaredCommand<C> add_for_one(CommandTree& tree, CLI::App& task, const char* name, const char* help) {
    const auto declared = tree.add<C>(task, name, help);
    declared.app.add_option("ID", declared.command.task_id, "The task's id")->required()->check(name_check());
    return declared;
}

}  // namespace

void add_task_commands(CommandTree& tree) {
    add_submit(tree);
    CLI::App& task = tree.add_group("task", "Look at tasks, follow them, talk to them, end them");
    add_for_one<TaskShowCommand>(tree, task, "show", "Show one task, and why it waits");

    const auto [list_app, list] = tree.add<TaskListCommand>(task, "list", "List tasks");
    list_app.add_option("--status", list.status, "queued, assigned, completed or dead_letter")->type_name("S");
    list_app.add_option("--priority", list.priority, "urgent, high, normal or low")
        ->type_name("P")
        ->check(CLI::IsMember({"urgent", "high", "normal", "low"}));
    list_app.add_option("--assigned-to", list.assigned_to, "Tasks of this agent")->type_name("AGENT");
    list_app.add_option("--limit", list.limit, "At most so many")->type_name("N")->check(CLI::PositiveNumber);
    list_app.add_option("--cursor", list.cursor, "Go on where an earlier list ended (its next_cursor)")->type_name("C");

    const auto [wait_app, wait] = tree.add<TaskWaitCommand>(
        task, "wait", "Wait until tasks have ended; 0 when all completed, else 1; see --timeout");
    wait_app.add_option("ID", wait.task_ids, "The tasks' ids")->required()->check(name_check());

    const auto [logs_app, logs] = add_for_one<TaskLogsCommand>(tree, task, "logs", "Show what a task's command prints");
    logs_app.add_flag("-f,--follow", logs.follow, "Go on until the task has ended");
    logs_app.add_option("--generation", logs.generation, "Of this attempt (default the newest)")->type_name("N");
    logs_app.add_option("--since", logs.since, "Begin at this position, in bytes")->type_name("N");
    logs_app.add_flag("--raw", logs.raw, "Print control characters as they are, also on a terminal");

    const auto [say_app, say] = add_for_one<TaskSayCommand>(tree, task, "say", "Say something to who works on a task");
    say_app.add_option("TEXT", say.text, "What to say; behind -- if it starts with '-'")
        ->required()
        ->check(name_check());

    const auto [answer_app, answer] =
        add_for_one<TaskAnswerCommand>(tree, task, "answer", "Answer the question that a task waits with");
    answer_app.add_option("TEXT", answer.text, "The answer, or the number of one of the offered ones")
        ->required()
        ->check(name_check());

    const auto [cancel_app, cancel] =
        add_for_one<TaskCancelCommand>(tree, task, "cancel", "Cancel a task that has not ended");
    add_span(cancel_app, "--grace", cancel.grace_ms, "Let who works on it finish or clean up for so long");
    cancel_app.add_option("--reason", cancel.reason, "Why, for who works on it and for the record")->type_name("TEXT");

    add_for_one<TaskRetryCommand>(tree, task, "retry", "Queue a dead letter again");
}

}  // namespace agentcom::cli
