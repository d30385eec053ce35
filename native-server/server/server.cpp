#include "native-server/server/server.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <set>
#include <span>
#include <utility>

#include "agentcom_version.hpp"
#include "core/state/tables.hpp"
#include "native-server/push/base64url.hpp"
#include "native-server/push/web_push.hpp"
#include "native-server/server/admin_token.hpp"
#include "native-server/server/files.hpp"
#include "native-server/server/secret.hpp"
#include "native-server/store/command.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/restore.hpp"

namespace agentcom {

namespace {

// A wall clock that moves by more than this against the monotonic one was set, not slewed.
constexpr int64_t kClockJumpUs = 2 * kUsPerSecond;
// A jump of the wall clock is noticed after at most this.
constexpr int64_t kLongestSleepMs = 10'000;
// A turn is ended between two sockets when it has lasted so long.
constexpr int64_t kLongestTurnUs = 2 * kUsPerMs;
// A compaction of the quiet hour waits for idle moments so long.
constexpr int64_t kCompactionPatienceMs = 3'600'000;
// A tick that faults would be due again at once.
constexpr int64_t kTickPauseUs = kUsPerSecond;

int64_t clock_us(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<int64_t>(t.tv_sec) * kUsPerSecond + static_cast<int64_t>(t.tv_nsec) / 1000;
}

Time read_clocks(int64_t& offset_us) {
    const int64_t mono_us = clock_us(CLOCK_MONOTONIC);
    const int64_t wall_us = clock_us(CLOCK_REALTIME);
    offset_us = wall_us - mono_us;
    return Time{wall_us / 1000, mono_us};
}

}  // namespace

Server::Server(ServerOptions options, Log& log)
    : options_(std::move(options)),
      log_(log),
      loop_(EventLoop::Callbacks{[this] { end_turn(); }, [this] { on_timer(); }, [this] { on_sweep(); },
                                 [this](int number) { on_signal(number); }}),
      secrets_(options_.data_directory),
      figures_(options_.data_directory) {
    net_.settings = options_.net;
    net_.hosts = options_.hosts;
    net_.trusted_proxies = options_.trusted_proxies;
    net_.tls = options_.tls.has_value();
    net_.run_name = random_hex(4);
    net_.now = read_clocks(clock_offset_us_);
}

Server::~Server() { finish(); }

// ---------------------------------------------------------------------------------------------------------------------
// Start

Status Server::start() {
    if (const Status opened = open_store(); !opened) return opened;
    if (const Status started = start_deliveries(); !started) return started;
    if (const Status started = start_hub(); !started) return started;
    writer_ = std::make_unique<WriterThread>(*store_, [this](WriterReport report) {
        auto shared = std::make_shared<WriterReport>(std::move(report));
        loop_.post([this, shared] { on_report(std::move(*shared)); });
    });
    Result<std::unique_ptr<StoreReader>> reader = StoreReader::open(options_.data_directory);
    if (!reader) return Status(reader.error());
    reader_ = std::make_unique<ReaderThread>(std::move(reader).value(), [this](QueryAnswer answer) {
        auto shared = std::make_shared<QueryAnswer>(std::move(answer));
        loop_.post([this, shared] { on_answer(std::move(*shared)); });
    });

    storage_ = std::make_unique<StorageThread>(storage_options(), [this](InputBody input) {
        auto shared = std::make_shared<InputBody>(std::move(input));
        loop_.post([this, shared] { apply(std::move(*shared)); });
    });

    Result<std::unique_ptr<Transport>> transport = Transport::create(
        loop_.loop(),
        [this](bool error, std::string_view text) {
            log_.write(error ? "libwebsockets_error" : "libwebsockets_warning", std::string(text));
        },
        options_.tls);
    if (!transport) return Status(transport.error());
    transport_ = std::move(transport).value();
    Result<Address> address =
        transport_->listen(options_.listen, net_.settings.max_connections, [this](Socket& socket) {
            begin_turn();
            auto client = std::make_unique<Client>(static_cast<ClientHost&>(*this), socket);
            client->index = clients_.size();
            clients_.push_back(client.get());
            return client;
        });
    if (!address) return Status(address.error());
    address_ = address.value();
    if (options_.settings.limits == 0) {
        log_.write("limits_off", "RATE LIMITS ARE OFF (--limits off): any client can take all of this hub");
    }
    const Settings& settings = options_.settings;
    if (settings.open_admin != 0 || settings.open_reads != 0 || settings.open_registration != 0) {
        log_.write("open_hub",
                   "THIS HUB IS OPEN (--open, --profile v1.1 or an open_ setting): whoever reaches it may " +
                       std::string(settings.open_reads != 0 ? "read, " : "") +
                       (settings.open_registration != 0 ? "register, " : "") +
                       (settings.open_admin != 0 ? "administer with any token, " : "") + "as in AgentCom v1.1");
    }
    log_.write("listening", "listening on " + to_text(address_),
               {{"address", to_text(address_)}, {"data", options_.data_directory}, {"version", std::string(kVersion)}});
    return {};
}

StorageThreadOptions Server::storage_options() const {
    StorageThreadOptions storage;
    storage.data_directory = options_.data_directory;
    storage.backups = options_.backups;
    storage.copy_to = options_.backup_copy_to;
    storage.hub_version = std::string(kVersion);
    storage.tiers = backup_tiers(options_.settings);
    storage.pace_percent = options_.settings.backup_pace_percent;
    storage.damage = damage_;
    storage.copy_command = words_of(options_.backup_copy_command);
    storage.copy_command_timeout_ms = options_.settings.backup_command_timeout_ms;
    storage.row_check_interval_ms = options_.settings.row_check_interval_ms;
    storage.check_pace_percent = options_.settings.check_pace_percent;
    return storage;
}

RestoreOptions Server::restore_options() const {
    RestoreOptions restore;
    restore.backups = options_.backups;
    restore.hub_version = std::string(kVersion);
    restore.wall_ms = net_.now.wall_ms;
    return restore;
}

/// Ends a restore that was interrupted, and does one that was asked for.
Status Server::prepare_data() {
    DataDirectory directory;
    if (const Status acquired = directory.acquire(options_.data_directory); !acquired) return acquired;
    const Status finished = finish_restore(directory, restore_options());
    if (finished) return {};
    if (finished.error().code == "restore_interrupted") return finished;
    log_.write("restore_failed", "the data are as they were: " + finished.error().text);
    return {};
}

/// What `on_damage` says takes the place of the damaged database.
Status Server::replace_damaged(const Error& damage) {
    DataDirectory directory;
    if (const Status acquired = directory.acquire(options_.data_directory); !acquired) return acquired;
    if (options_.on_damage == OnDamage::restore) {
        const Status restored = restore_backup_of(directory, damage);
        if (restored || restored.error().code == "restore_interrupted") return restored;
    }
    return salvage_data(directory, damage);
}

/// The newest backup that can be read.
Status Server::restore_backup_of(const DataDirectory& directory, const Error& damage) {
    RestoreOptions restore = restore_options();
    restore.quarantine = true;
    for (const BackupManifest& backup : list_backups(options_.backups)) {
        const Status restored = restore_backup(directory, backup.name, restore);
        if (restored) {
            damage_ = damage.code + ": " + damage.text + ". The files are in " + options_.data_directory +
                      "/quarantine; backup " + backup.name + " took their place";
            log_.write("database_replaced", damage_, {{"backup", backup.name}});
            return {};
        }
        // It is decided, and the next start goes on with it: nothing else may come between.
        if (restored.error().code == "restore_interrupted") return restored;
        log_.write("backup_not_usable", restored.error().text, {{"backup", backup.name}});
    }
    return Status(damage);
}

/// What of it can be read.
Status Server::salvage_data(const DataDirectory& directory, const Error& damage) {
    const Result<SalvageReport> salvaged =
        salvage_damaged(directory, damage.code + ": " + damage.text, restore_options());
    if (!salvaged) {
        if (salvaged.error().code == "restore_interrupted") return Status(salvaged.error());
        return Status(Error{damage.code, damage.http_status, damage.blame,
                            damage.text + ". Nothing could take its place: " + salvaged.error().text});
    }
    const SalvageReport& report = salvaged.value();
    log_.write("database_salvaged", report.damage + ". " + report.summary(),
               {{"kept_rows", report.kept_rows},
                {"lost_rows", report.lost_rows},
                {"lost_commits", report.lost_commits},
                {"unreadable_pages", report.unreadable_pages}});
    return {};
}

Status Server::open_store() {
    if (options_.backups.empty()) options_.backups = options_.data_directory + "/backups";
    if (const Status prepared = prepare_data(); !prepared) return prepared;
    Status opened = try_open_store();
    if (opened) return opened;
    const Error damage = opened.error();
    hub_.reset();
    // A crash is left as it was found. Else a WAL must not stay beside the file: whoever puts another file there would
    // have it applied to that.
    if (store_ && store_->was_unclean()) store_->abandon();
    store_.reset();
    if (options_.on_damage == OnDamage::refuse || !is_damage(damage)) return opened;
    if (const Status replaced = replace_damaged(damage); !replaced) return replaced;
    return try_open_store();
}

/// A small database is read whole: what is archived, too, and the indexes that queries rest on.
Status Server::check_data() const {
    std::error_code unknown;
    const auto bytes = std::filesystem::file_size(options_.data_directory + "/hub.db", unknown);
    if (unknown || bytes > static_cast<uint64_t>(options_.settings.start_check_bytes)) return {};
    Pace pace;
    const Status whole = verify_live(options_.data_directory, pace);
    return whole || is_damage(whole.error()) ? whole : Status();
}

Status Server::try_open_store() {
    StoreOptions store_options;
    store_options.hub_version = std::string(kVersion);
    Result<std::unique_ptr<SqliteStore>> store = SqliteStore::open(options_.data_directory, store_options);
    if (!store) return Status(store.error());
    store_ = std::move(store).value();
    // Now the directory is ours alone, and with it the log file in it.
    if (!options_.log_file.empty()) {
        if (const Status opened = log_.open_file(options_.log_file); !opened) {
            log_.write("log_file_failed", opened.error().text, {{"file", options_.log_file}});
        }
    }
    if (store_->was_unclean()) {
        log_.write("recovered_start", "the last run did not stop cleanly; its committed work is here");
    }
    hub_ = std::make_unique<Hub>(options_.settings);
    const Result<LoadCounts> loaded = store_->load(*hub_);
    if (!loaded) return Status(loaded.error());
    if (const Status whole = check_data(); !whole) return whole;
    log_.write("loaded", "the data directory is loaded",
               {{"rows", loaded.value().rows}, {"messages", loaded.value().messages}});
    faults_ = std::make_unique<FaultGuard>(options_.data_directory, options_.settings);
    return {};
}

Status Server::start_deliveries() {
    Result<EcKey> key = load_vapid_key(options_.data_directory);
    if (!key) return Status(key.error());
    vapid_public_key_ = to_base64url(key.value().public_point());
    if (const Status loaded = secrets_.load(); !loaded) return loaded;
    // Whoever goes back to a backup finds its webhooks signed.
    std::set<std::string> used = webhook_secrets_in(options_.backups);
    for (const WebhookRow::Key& webhook : hub_->tables().sorted_keys<WebhookRow>()) {
        used.insert(hub_->tables().find<WebhookRow>(webhook)->secret_sha256);
    }
    note_unkept(secrets_.keep_only(used));
    const Settings& settings = options_.settings;
    deliveries_ = std::make_unique<DeliveryThread>(
        std::move(key).value(),
        DeliveryOptions{settings.delivery_timeout_ms, settings.delivery_private != 0, settings.push_contact},
        [this](Delivered delivered) {
            auto shared = std::make_shared<Delivered>(std::move(delivered));
            loop_.post([this, shared] { apply(std::move(*shared)); });
        });
    return {};
}

Status Server::start_hub() {
    Result<AdminToken> token = load_admin_token(options_.data_directory);
    if (!token) return Status(token.error());
    admin_token_ = token.value().token;
    const FreshSecret description = describe_token(admin_token_);
    if (token.value().created) {
        log_.write("admin_token_created", "a new admin token is in " + options_.data_directory + "/admin.token");
    }
    Started started;
    started.seed = random_int64();
    started.epoch = random_hex(16);
    started.last_turn = store_->last_turn();
    started.admin_token_sha256 = description.sha256;
    started.admin_token_prefix = description.prefix;
    started.log_levels = to_text(log_.levels());
    started.vapid_public_key = vapid_public_key_;
    const std::optional<Restored> restored = read_restored(options_.data_directory);
    if (restored) {
        started.restored_from = restored->backup;
        started.lost_messages = restored->lost_messages;
        started.revoked_tokens = restored->revoked_tokens;
    }
    start_recording();
    const Input input{net_.now, std::move(started)};
    if (recorder_) recorder_->input(input);
    const std::optional<Fault> fault = hub_->apply(input);
    if (fault) return Status(Error{"core_fault", 500, Blame::hub, "the hub does not start: " + fault->text});
    TurnResult turn = close_turn();
    if (!turn.batch.empty()) {
        if (const auto error = store_->commit(std::span<const Batch>(&turn.batch, 1))) {
            return Status(Error{
                "store_unavailable", 500, Blame::hub,
                "the store refuses the first write (" + std::string(to_text(error->category)) + "): " + error->text});
        }
        apply(Committed{turn.turn});
    }
    turns_.add(turn.turn, false, 0, std::move(turn.effects));
    if (restored) {
        if (const Status forgotten = forget_restored(options_.data_directory); !forgotten) return forgotten;
    }
    apply(StorageThread::look(storage_options()));
    return {};
}

void Server::start_recording() {
    const std::string directory = options_.data_directory + "/recording";
    const NetSettings& settings = net_.settings;
    recording_desk_ = std::make_unique<RecordingDesk>(directory, settings.recording != 0, [this](Effect effect) {
        auto shared = std::make_shared<Effect>(std::move(effect));
        loop_.post([this, shared] {
            if (!recording_desk_) return;
            begin_turn();
            const auto* body = std::get_if<HttpBody>(shared.get());
            if (body != nullptr && body->end != HttpBody::End::open) recording_desk_->end(body->request);
            const auto* response = std::get_if<HttpRespond>(shared.get());
            if (response != nullptr && !response->stream) recording_desk_->end(response->request);
            carry_out(*shared);
            flush_marked();
        });
    });
    if (settings.recording == 0) return;
    RecorderOptions options;
    options.directory = directory;
    options.limits = {settings.recording_bytes, settings.recording_age_ms};
    options.hub_version = std::string(kVersion);
    options.run = random_hex(8);
    recorder_ = std::make_unique<Recorder>(
        std::move(options), [this](const std::string& event, const std::string& text) { log_.write(event, text); });
    recorder_->begin(*hub_, net_.now.wall_ms);
}

int Server::run() {
    loop_.stay_awake();
    loop_.run();
    finish();
    return exit_code_;
}

// ---------------------------------------------------------------------------------------------------------------------
// The turn

void Server::begin_turn() {
    // A round of the loop handles everything that is ready: thousands of sockets that end at once, say. Those that came
    // first need not wait for the last.
    if (turn_open_ && !releasing_ && clock_us(CLOCK_MONOTONIC) - net_.now.mono_us > kLongestTurnUs) end_turn();
    read_time();
}

void Server::read_time() {
    if (time_read_) return;
    time_read_ = true;
    const Time previous = net_.now;
    net_.now = read_clocks(clock_offset_us_);
    note_clock_jump(previous);
}

void Server::note_clock_jump(const Time& previous) {
    const int64_t offset_before = previous.wall_ms * kUsPerMs - previous.mono_us;
    const int64_t moved_us = clock_offset_us_ - offset_before;
    if (moved_us <= kClockJumpUs && moved_us >= -kClockJumpUs) return;
    apply(ClockJumped{moved_us / kUsPerMs});
}

void Server::apply(InputBody body) {
    read_time();
    if (!hub_) return;
    Input input{net_.now, std::move(body)};
    if (faults_ && faults_->refuses(input.body)) return refuse_input(input.body);
    turn_open_ = true;
    if (recorder_) recorder_->input(input);
    const std::optional<Fault> fault = hub_->apply(input);
    if (fault) handle_fault(input, *fault);
}

TurnResult Server::close_turn() {
    turn_open_ = false;
    TurnResult turn = hub_->end_turn();
    if (recorder_) recorder_->turn_ended(*hub_, turn);
    return turn;
}

void Server::submit(InputBody input) {
    // What the machine sends of its own is no affair of the hub's.
    if (const auto* taken = std::get_if<BodyTaken>(&input);
        taken != nullptr && recording_desk_ && recording_desk_->owns(taken->request)) {
        return recording_desk_->more(taken->request);
    }
    apply(std::move(input));
}

void Server::end_turn() {
    if (turn_open_) {
        TurnResult turn = close_turn();
        figures_.turn_took(clock_us(CLOCK_MONOTONIC) - net_.now.mono_us);
        const bool changes_rows = !turn.batch.empty();
        if (changes_rows && storage_failed_) {
            // The hub is read-only now and should not have changed anything; what the store never gets must not stand.
            log_.write("write_while_read_only", "a turn changed rows while the store is unavailable");
            turns_.add(turn.turn, false, 0, std::move(turn.effects));
            turns_.failed(turn.turn);
            apply(CommitFailed{turn.turn});
        } else {
            turns_.add(turn.turn, changes_rows, turn.batch.bytes, std::move(turn.effects));
            if (changes_rows) writer_->submit(std::move(turn.batch));
        }
    }
    release_ready();
    update_input_block();
    enforce_budgets();
    if (stopping_) finish_if_drained();
    // What the effects brought about (mail that left, connections that ended) belongs to the next turn, which need not
    // wait for anything else to happen.
    if (turn_open_) loop_.stay_awake();
    if (recorder_ && recorder_->work(*hub_)) loop_.stay_awake();
    set_timer();
    time_read_ = turn_open_;
}

void Server::release_ready() {
    // Effects may end a turn themselves, when what they bring about is a fault.
    if (std::exchange(releasing_, true)) return;
    for (std::vector<Effect> ready = turns_.take_ready(); !ready.empty(); ready = turns_.take_ready()) {
        for (Effect& effect : ready) carry_out(effect);
    }
    flush_marked();
    releasing_ = false;
}

void Server::set_timer() {
    const Deadlines deadlines = hub_->next_deadline();
    int64_t delay_ms = kLongestSleepMs;
    if (deadlines.mono_us) {
        const int64_t left_us = std::max(*deadlines.mono_us, no_tick_before_us_) - clock_us(CLOCK_MONOTONIC);
        delay_ms = std::min(delay_ms, (left_us + kUsPerMs - 1) / kUsPerMs);
    }
    if (deadlines.wall_ms) {
        int64_t left_ms = *deadlines.wall_ms - clock_us(CLOCK_REALTIME) / kUsPerMs;
        left_ms = std::max(left_ms, (no_tick_before_us_ - clock_us(CLOCK_MONOTONIC)) / kUsPerMs);
        delay_ms = std::min(delay_ms, left_ms);
    }
    loop_.set_timer(std::max<int64_t>(1, delay_ms));
}

void Server::on_timer() { apply(Tick{}); }

void Server::on_sweep() {
    begin_turn();
    figures_.swept(clock_us(CLOCK_MONOTONIC));
    if (figures_.is_due(net_.now.mono_us)) take_machine_sample();
    // Ending a client moves others within the list at most to places that were seen already.
    for (size_t i = clients_.size(); i > 0; --i) clients_[i - 1]->check_deadlines();
    if (stopping_) finish_if_drained();
}

void Server::take_machine_sample() {
    MachineSample sample = figures_.take(net_.now.mono_us);
    sample.connections = static_cast<int64_t>(clients_.size());
    sample.outbox_bytes = net_.outboxes.bytes;
    sample.receive_bytes = held_bytes_;
    sample.turns_in_flight = turns_.in_flight();
    apply(std::move(sample));
}

void Server::update_input_block() {
    const NetSettings& settings = net_.settings;
    const auto over = [&](int64_t divisor) {
        return turns_.in_flight() > settings.turns_in_flight / divisor ||
               turns_.bytes_in_flight() > settings.bytes_in_flight / divisor;
    };
    if (over(1)) input_blocked_ = true;
    if (input_blocked_ && !over(2)) input_blocked_ = false;
    if (!input_blocked_) take_held_input();
}

void Server::take_held_input() {
    const auto ready = std::stable_partition(awaiting_input_.begin(), awaiting_input_.end(),
                                             [](Client* client) { return !client->may_take_input(); });
    const std::vector<Client*> takers(ready, awaiting_input_.end());
    awaiting_input_.erase(ready, awaiting_input_.end());
    // Clients are destroyed by the loop only, so that none of them goes meanwhile.
    for (Client* client : takers) client->take_held();
}

void Server::enforce_budgets() {
    const NetSettings& settings = net_.settings;
    while (held_bytes_ > settings.receive_total_bytes) {
        const auto largest = std::max_element(clients_.begin(), clients_.end(), [](const Client* a, const Client* b) {
            return a->held_bytes() < b->held_bytes();
        });
        if (largest == clients_.end() || (*largest)->held_bytes() == 0) break;
        log_.write("receive_budget", "half-received messages take too much room: the largest is ended",
                   {{"bytes", static_cast<int64_t>((*largest)->held_bytes())}});
        (*largest)->end_large_holder();
    }
    while (net_.outboxes.bytes > settings.outbox_total_bytes) {
        const auto largest = std::max_element(clients_.begin(), clients_.end(), [](const Client* a, const Client* b) {
            return (a->closing() ? -1 : a->outbox_bytes()) < (b->closing() ? -1 : b->outbox_bytes());
        });
        if (largest == clients_.end() || (*largest)->closing()) break;
        (*largest)->end_slow_reader();
        (*largest)->flush();
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Faults

void Server::handle_fault(const Input& input, const Fault& fault) {
    // The state is saved as it was before the input; Hub::save works between turns.
    end_turn();
    figures_.core_failed();
    const FaultGuard::Outcome outcome = faults_->take(input, fault, [this] { return hub_->save(); });
    log_.write("core_fault", fault.text,
               {{"at", fault.file + ":" + std::to_string(fault.line)},
                {"input", std::string(input_name(input.body))},
                {"saved_as", outcome.saved_as.empty() ? outcome.error : outcome.saved_as}});
    if (std::holds_alternative<Tick>(input.body)) no_tick_before_us_ = net_.now.mono_us + kTickPauseUs;
    if (outcome.give_up) {
        log_.write("giving_up", "three different faults within a minute: the hub ends");
        exit_code_ = FaultGuard::kFaultExitCode;
        loop_.stop();
        return;
    }
    refuse_input(input.body);
}

void Server::refuse_input(const InputBody& input) {
    ConnectionId connection = 0;
    if (const auto* frame = std::get_if<FrameReceived>(&input)) connection = frame->connection;
    if (const auto* opened = std::get_if<ConnectionOpened>(&input)) connection = opened->connection;
    if (const auto* dashboard = std::get_if<DashboardOpened>(&input)) connection = dashboard->connection;
    if (const auto* control = std::get_if<ControlReceived>(&input)) connection = control->connection;
    if (const auto client = connections_.find(connection); client != connections_.end()) {
        client->second->close(1011, "");
        mark_for_flush(*client->second);
        loop_.stay_awake();
    }
    if (const auto* request = std::get_if<HttpRequest>(&input)) {
        HttpRespond response;
        response.request = request->request;
        response.status = 500;
        response.body = http_error_body("internal_error");
        respond(request->request, response);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Effects

void Server::carry_out(Effect& effect) {
    std::visit([this](auto& what) { carry_out(what); }, effect);
}

void Server::carry_out(SendFrame& effect) {
    for (const ConnectionId connection : effect.to) {
        const auto client = connections_.find(connection);
        if (client == connections_.end()) continue;
        // Sending may end the client, and with it its entry.
        Client& receiver = *client->second;
        mark_for_flush(receiver);
        receiver.send(effect.text, effect.mail_seq);
    }
}

void Server::carry_out(SendPing& effect) {
    const auto client = connections_.find(effect.connection);
    if (client == connections_.end()) return;
    mark_for_flush(*client->second);
    client->second->ping();
}

void Server::carry_out(CloseConnection& effect) {
    const auto client = connections_.find(effect.connection);
    if (client == connections_.end()) return;
    mark_for_flush(*client->second);
    client->second->close(effect.code, effect.reason);
}

void Server::carry_out(HttpRespond& effect) { respond(effect.request, effect); }

void Server::carry_out(HttpBody& effect) {
    const auto found = requests_.find(effect.request);
    if (found == requests_.end()) return;
    Client& client = *found->second.client;
    if (effect.end != HttpBody::End::open) requests_.erase(found);
    mark_for_flush(client);
    if (effect.end == HttpBody::End::cut) return client.cut_stream(effect.request);
    client.send_piece(effect.request, effect.text, effect.end == HttpBody::End::complete);
}

void Server::carry_out(RunQuery& effect) { reader_->submit(effect.query, std::move(effect.what)); }

void Server::carry_out(LogEvent& effect) { log_.write(effect); }

void Server::carry_out(SetLogLevels& effect) { log_.set_levels(effect.levels); }

void Server::carry_out(AnswerRecording& effect) {
    if (requests_.contains(effect.request)) recording_desk_->begin(effect);
}

void Server::carry_out(Deliver& effect) {
    std::string secret = secrets_.find(effect.secret_sha256);
    deliveries_->submit(std::move(effect), std::move(secret));
}

void Server::carry_out(KeepSecret& effect) {
    const auto found = requests_.find(effect.request);
    if (found == requests_.end()) return;
    note_unkept(secrets_.keep(effect.sha256, found->second.secret));
}

void Server::carry_out(ForgetSecret& effect) { note_unkept(secrets_.forget(effect.sha256)); }

void Server::note_unkept(const Status& written) {
    if (!written) log_.write("webhook_secrets_not_written", written.error().text);
}

void Server::carry_out(StorageJob& effect) {
    if (effect.kind != StorageJobKind::compaction) return storage_->submit(std::move(effect));
    compaction_job_ = effect.job;
    const int64_t threshold_percent = options_.settings.compaction_threshold_percent;
    writer_->compact(Compaction{threshold_percent, effect.scheduled, kCompactionPatienceMs});
}

void Server::carry_out(RestartHub&) {
    if (stopping_) return;
    restart_ = true;
    // Not from within the carrying out of effects: a shutdown is an input, and ends a turn.
    loop_.post([this] {
        if (!stopping_) begin_shutdown();
    });
}

void Server::carry_out(CallerKnown& effect) {
    const auto found = requests_.find(effect.request);
    if (found != requests_.end() && !found->second.what.empty()) found->second.principal = std::move(effect.principal);
}

void Server::respond(RequestId request, HttpRespond& response) {
    const auto found = requests_.find(request);
    if (found == requests_.end()) return;
    if (const PendingRequest& pending = found->second; !pending.what.empty()) {
        std::vector<LogField> fields{{"status", response.status},
                                     {"took_us", net_.now.mono_us - pending.since_us},
                                     {"request_id", pending.name}};
        if (!pending.principal.empty()) fields.emplace_back("principal", pending.principal);
        log_.write("request", pending.what, std::move(fields));
    }
    if (response.stream) {
        // Its answer goes on until the last piece.
        return found->second.client->begin_stream(request, response.status, response.headers);
    }
    PendingRequest pending = std::move(found->second);
    requests_.erase(found);
    if (response.secret_at && !pending.secret.empty() && *response.secret_at >= 0 &&
        static_cast<size_t>(*response.secret_at) <= response.body.size()) {
        response.body.insert(static_cast<size_t>(*response.secret_at), pending.secret);
    }
    pending.client->respond(request, response.status, response.headers, response.body);
    if (!pending.secret.empty()) {
        wipe(pending.secret);
        wipe(response.body);
    }
}

void Server::mark_for_flush(Client& client) {
    if (std::exchange(client.marked_for_flush, true)) return;
    to_flush_.push_back(&client);
}

void Server::flush_marked() {
    // Clients are destroyed by the loop only, never from here.
    for (size_t i = 0; i < to_flush_.size(); ++i) {
        to_flush_[i]->marked_for_flush = false;
        to_flush_[i]->flush();
    }
    to_flush_.clear();
}

// ---------------------------------------------------------------------------------------------------------------------
// Clients

ConnectionId Server::open_connection(Client& client) {
    const ConnectionId connection = next_connection_++;
    connections_.emplace(connection, &client);
    return connection;
}

RequestId Server::begin_request(Client& client, HttpRequest request, bool mints_secret) {
    const RequestId id = next_request_++;
    request.request = id;
    PendingRequest& pending = requests_[id];
    pending.client = &client;
    if (log_.is_written("request")) {
        pending.name = request.name;
        pending.what = std::string(method_name(request.method)) + " " + request.path;
        pending.since_us = net_.now.mono_us;
    }
    if (mints_secret) {
        pending.secret = draw_token();
        request.secret = describe_token(pending.secret);
    }
    apply(std::move(request));
    return id;
}

void Server::cancel_request(RequestId request) {
    const auto found = requests_.find(request);
    if (found == requests_.end()) return;
    wipe(found->second.secret);
    requests_.erase(found);
    if (recording_desk_) recording_desk_->end(request);
    apply(RequestCancelled{request});
}

void Server::await_input(Client& client) {
    client.awaits_input = true;
    awaiting_input_.push_back(&client);
}

void Server::gone(Client& client) {
    clients_[client.index] = clients_.back();
    clients_[client.index]->index = client.index;
    clients_.pop_back();
    if (client.awaits_input) std::erase(awaiting_input_, &client);
    if (client.marked_for_flush) std::erase(to_flush_, &client);
}

// ---------------------------------------------------------------------------------------------------------------------
// The store

void Server::on_report(WriterReport report) {
    switch (report.kind) {
        case WriterReport::Kind::committed:
            turns_.committed(report.turn);
            figures_.committed(report.commit_us);
            apply(Committed{report.turn});
            break;
        case WriterReport::Kind::failed:
            on_commit_failed(report);
            break;
        case WriterReport::Kind::recovered:
            storage_failed_ = false;
            apply(StorageRecovered{});
            break;
        case WriterReport::Kind::beyond_recovery:
            log_.write("storage_beyond_recovery", report.text);
            exit_code_ = 1;
            loop_.stop();
            break;
        case WriterReport::Kind::compacted:
            on_compacted(report);
            break;
        case WriterReport::Kind::upkeep_failed:
            log_.write("store_upkeep_failed", report.text);
            break;
    }
}

void Server::on_compacted(const WriterReport& report) {
    StorageJobDone done;
    done.job = std::exchange(compaction_job_, 0);
    done.ok = report.text.empty();
    done.result = report.result;
    done.error = report.text;
    apply(storage_->look());
    apply(std::move(done));
}

void Server::on_commit_failed(const WriterReport& report) {
    log_.write("commit_failed", report.text,
               {{"category", std::string(to_text(report.category))}, {"turn", report.turn}});
    // What was collected since belongs to what is undone: it may rest on it.
    if (turn_open_) {
        TurnResult turn = close_turn();
        turns_.add(turn.turn, false, 0, std::move(turn.effects));
    }
    storage_failed_ = true;
    turns_.failed(report.turn);
    apply(CommitFailed{report.turn});
    writer_->resume(correction_for(report.refused,
                                   [this](TableId table, const RowValues& key) { return hub_->current(table, key); }));
}

void Server::on_answer(QueryAnswer answer) {
    if (!answer.result.ok) log_.write("query_failed", answer.error);
    apply(std::move(answer.result));
}

// ---------------------------------------------------------------------------------------------------------------------
// The end

void Server::on_signal(int number) {
    // Without TLS it means what it always did: the terminal is gone.
    if (number == SIGHUP && options_.tls) return reload_tls();
    if (stopping_) {
        // What is acknowledged is in the store.
        std::_Exit(128 + number);
    }
    begin_shutdown();
}

void Server::reload_tls() {
    if (stopping_) return;
    const Status reloaded = transport_->reload_tls();
    if (reloaded) {
        log_.write("tls_reloaded", "new connections get the TLS certificate as it is now");
    } else {
        log_.write("tls_not_reloaded", reloaded.error().text + ". The old certificate stays in use");
    }
}

void Server::begin_shutdown() {
    stopping_ = true;
    begin_turn();
    drain_until_us_ = net_.now.mono_us + us_from_ms(net_.settings.shutdown_drain_ms);
    transport_->stop_listening();
    apply(Shutdown{});
    end_turn();
    for (Client* client : std::vector<Client*>(clients_)) client->drain();
}

void Server::finish_if_drained() {
    if (turns_.empty()) {
        // The hub closes the sockets it knows; none may be left waiting for it.
        for (Client* client : clients_) {
            if (!client->is_websocket() || client->closing()) continue;
            client->close(1001, "");
            mark_for_flush(*client);
        }
        flush_marked();
    }
    if (clients_.empty() && turns_.empty()) return loop_.stop();
    if (clock_us(CLOCK_MONOTONIC) >= drain_until_us_) loop_.stop();
}

void Server::finish() {
    if (!hub_) return;
    if (turn_open_ && writer_) {
        TurnResult turn = close_turn();
        if (!turn.batch.empty() && !storage_failed_) writer_->submit(std::move(turn.batch));
    }
    if (deliveries_) deliveries_->stop();
    if (storage_) storage_->stop();
    if (writer_) writer_->stop();
    if (reader_) reader_->stop();
    if (recorder_) recorder_->stop(*hub_);
    recorder_.reset();
    recording_desk_.reset();
    // Sockets report their end while they are closed; the hub need not hear of it.
    hub_.reset();
    if (transport_) transport_->shut_down();
    loop_.close();
    transport_.reset();
    writer_.reset();
    reader_.reset();
    storage_.reset();
    if (store_) store_->close();
    log_.write("stopped", "the hub has stopped");
}

}  // namespace agentcom
