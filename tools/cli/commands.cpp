#include "tools/cli/commands.hpp"

#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/identity_store.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

Trouble run_register(const CommandContext& context, const RegisterCommand& command) {
    std::string token = context.options.token;
    if (token.empty() && !command.workspace.empty()) {
        token = local_admin_token(context.options, context.hub, context.directories).value_or("");
        if (token.empty()) {
            return Failure{ExitCode::auth,
                           "cannot register '" + command.agent + "' in workspace '" + command.workspace + "'",
                           "that takes an admin's token, and there is none on this machine",
                           "Give one with --token, or the hub's data directory with --data.",
                           {}};
        }
    }
    const IdentityStore store(context.directories.config);
    // Before the hub makes a token that could then not be kept.
    const std::filesystem::path file = store.path(context.hub, command.agent);
    if (Trouble trouble = make_private_directory(file.parent_path())) return trouble;

    json::Writer body;
    body.begin_object().member("agent_id", command.agent);
    if (!command.workspace.empty()) body.member("workspace", command.workspace);
    body.end_object();
    HubClient client(context.hub, token, context.transport, context.surroundings);
    Outcome<std::string> answer =
        client.post_once("cannot register '" + command.agent + "'", "/api/onboard/register", body.take());
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::conflict) {
            failure.next = store.find(context.hub, command.agent)
                               ? "Its token is kept here already: use it with --as " + command.agent + "."
                               : "Choose another id. Its token is not kept here; an admin can revoke it "
                                 "(DELETE /admin/tokens/" +
                                     percent_encode(command.agent) + ") to free the id.";
        }
        return failure;
    }
    const json::Object members = members_of(*answer);
    const Identity identity{command.agent, text_of(members, "token")};
    if (identity.token.empty()) {
        return Failure{ExitCode::failed,
                       "cannot register '" + command.agent + "'",
                       "the hub gave no token",
                       "Check that an AgentCom hub listens at " + context.hub.text() + ".",
                       {}};
    }
    if (store.find(context.hub, command.agent)) {
        // Perhaps of another workspace, or of a hub that was set up anew: only a person can tell if it is still needed.
        const std::filesystem::path previous = file.string() + ".previous";
        std::error_code ignored;
        std::filesystem::rename(file, previous, ignored);
        context.surroundings.notice("the token that was kept for this agent before is now in " + previous.string());
    }
    if (Trouble trouble = store.save(context.hub, identity)) return trouble;
    if (context.options.json) {
        context.out << *answer << "\n";
    } else {
        context.out << "registered " << command.agent << " on " << context.hub.text() << "\n"
                    << "its token is in " << file.string() << "\n";
    }
    return std::nullopt;
}

Trouble run_send(const CommandContext& context, const SendCommand& command) {
    Outcome<Identity> login = choose_login(context.options, context.hub, context.directories, LoginNeed::any);
    if (!login) return login.failure();
    json::Writer body;
    body.begin_object();
    if (command.to != "broadcast") body.member("to", command.to);
    body.raw_member("payload", command.payload_raw);
    if (!command.type.empty()) body.member("type", command.type);
    if (!command.reply_to.empty()) body.member("reply_to", command.reply_to);
    body.end_object();
    HubClient client(context.hub, login->token, context.transport, context.surroundings);
    Outcome<std::string> answer = client.post("cannot send the message", "/api/message", body.take());
    if (!answer) return answer.failure();
    context.out << (context.options.json ? *answer : "sent " + text_of(members_of(*answer), "id")) << "\n";
    return std::nullopt;
}

Trouble run_inbox(const CommandContext& context, const InboxCommand& command) {
    Outcome<Identity> login = choose_login(context.options, context.hub, context.directories, LoginNeed::agent);
    if (!login) return login.failure();
    HubClient client(context.hub, login->token, context.transport, context.surroundings);
    const std::string mailbox = "/api/mailbox/" + percent_encode(login->agent_id);
    std::string target = mailbox;
    if (command.since != 0) target += "?since=" + std::to_string(command.since);
    Outcome<std::string> answer = client.get("cannot read the mailbox of '" + login->agent_id + "'", target);
    if (!answer) return answer.failure();

    const json::Object members = members_of(*answer);
    const std::string_view messages_raw = raw_of(members, "messages");
    const std::vector<json::Value> messages =
        messages_raw.starts_with('[') ? json::elements(messages_raw) : std::vector<json::Value>{};
    if (context.options.json) {
        context.out << *answer << "\n";
    } else {
        for (const json::Value& message : messages) context.out << message_text(members_of(message.raw));
        if (messages.empty()) context.out << "no messages\n";
    }
    if (!command.ack || messages.empty()) return std::nullopt;

    // What is acknowledged is gone from the mailbox, so it must have reached its reader first.
    if (!context.out.flush()) {
        return Failure{ExitCode::failed,
                       "the messages were not acknowledged",
                       "they could not be written out",
                       "They are still in the mailbox.",
                       {}};
    }
    json::Writer body;
    body.begin_object().member("seq", number_of(members, "last_seq")).end_object();
    Outcome<std::string> acked = client.post("cannot acknowledge the messages", mailbox + "/ack", body.take());
    if (!acked) return acked.failure();
    return std::nullopt;
}

namespace {

Trouble dispatch(const CommandContext& context) {
    struct Runner {
        const CommandContext& context;
        Trouble operator()(const RegisterCommand& c) const { return run_register(context, c); }
        Trouble operator()(const SendCommand& c) const { return run_send(context, c); }
        Trouble operator()(const InboxCommand& c) const { return run_inbox(context, c); }
        Trouble operator()(const SubmitCommand& c) const { return run_submit(context, c); }
        Trouble operator()(const TaskShowCommand& c) const { return run_task_show(context, c); }
        Trouble operator()(const TaskListCommand& c) const { return run_task_list(context, c); }
        Trouble operator()(const TaskCancelCommand& c) const { return run_task_cancel(context, c); }
        Trouble operator()(const TaskRetryCommand& c) const { return run_task_retry(context, c); }
        Trouble operator()(const WorkerCommand& c) const { return run_worker(context, c); }
    };
    return std::visit(Runner{context}, context.options.command);
}

int print_failure(const Failure& failure, bool as_json, std::ostream& err) {
    err << (as_json ? failure_json(failure) : failure_text(failure));
    return static_cast<int>(failure.code);
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    auto parsed = parse_command_line(arguments);
    if (!parsed) return print_failure(parsed.failure(), false, err);
    if (const Information* information = std::get_if<Information>(&*parsed)) {
        out << information->text;
        return 0;
    }
    const Options& options = std::get<Options>(*parsed);
    Outcome<HubUrl> hub = HubUrl::parse(options.hub);
    if (!hub) return print_failure(hub.failure(), options.json, err);
    const CommandContext context{
        options, *hub, Directories::from_environment(), tcp_transport(*hub), Surroundings::of_machine(), out};
    if (Trouble trouble = dispatch(context)) {
        out.flush();
        // A failure without words has been told already, as a worker tells the end of its one task.
        if (trouble->what.empty()) return static_cast<int>(trouble->code);
        return print_failure(*trouble, options.json, err);
    }
    return out.flush() ? 0 : static_cast<int>(ExitCode::failed);
}

}  // namespace agentcom::cli
