// The native hub: feeds the core with what comes from sockets, clocks and the store, and carries out its effects.
//
// One network thread runs everything here; the store's writer and reader have threads of their own and report back
// through the loop. A turn: what sockets, timers and the store have ready is applied to the hub, one input after the
// other; at the end of the loop's round the turn ends, its rows go to the writer, and its effects wait in a TurnQueue
// until the store has them. Time is read once per turn.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/hub/hub.hpp"
#include "native-server/log/log.hpp"
#include "native-server/net/address.hpp"
#include "native-server/net/net_context.hpp"
#include "native-server/net/transport.hpp"
#include "native-server/push/delivery_thread.hpp"
#include "native-server/push/webhook_secrets.hpp"
#include "native-server/record/recorder.hpp"
#include "native-server/record/recording_desk.hpp"
#include "native-server/server/client.hpp"
#include "native-server/server/event_loop.hpp"
#include "native-server/server/fault_guard.hpp"
#include "native-server/server/machine_figures.hpp"
#include "native-server/server/turn_queue.hpp"
#include "native-server/store/damage.hpp"
#include "native-server/store/reader_thread.hpp"
#include "native-server/store/restore.hpp"
#include "native-server/store/storage_thread.hpp"
#include "native-server/store/store.hpp"
#include "native-server/store/writer_thread.hpp"

namespace agentcom {

struct ServerOptions {
    Address listen;
    std::string data_directory;
    Settings settings;
    NetSettings net;
    std::optional<TlsFiles> tls{};
    std::optional<HostPolicy> hosts{};
    std::vector<std::string> trusted_proxies{};
    std::string log_file{};  ///< "" = none
    std::string backups{};   ///< directory of the backups; "" = DIR/backups
    std::string backup_copy_to{};
    std::string backup_copy_command{};
    OnDamage on_damage = OnDamage::refuse;
};

class Server final : private ClientHost {
  public:
    Server(ServerOptions options, Log& log);
    ~Server() override;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Opens the data directory, loads the hub, listens. Errors are for the log, and end the process.
    Status start();
    /// Runs until a signal or a fault ends it; gives the process's exit code.
    int run();
    /// It ended for a new server to take its place, at the same address.
    bool wants_restart() const { return restart_; }

    /// Where it listens, once `start` has succeeded.
    const Address& address() const { return address_; }
    /// The token of the hub's admin, once `start` has succeeded: for the terminal of whoever started it.
    const std::string& admin_token() const { return admin_token_; }

  private:
    struct PendingRequest {
        Client* client = nullptr;
        std::string secret;  // drawn for its answer
        // For the log; only kept while it is written in full.
        std::string name;
        std::string what;
        std::string principal;  // "": nobody in particular
        int64_t since_us = 0;
    };

    // start
    Status open_store();
    Status try_open_store();
    Status prepare_data();
    Status check_data() const;
    RestoreOptions restore_options() const;
    Status replace_damaged(const Error& damage);
    Status restore_backup_of(const DataDirectory& directory, const Error& damage);
    Status salvage_data(const DataDirectory& directory, const Error& damage);
    StorageThreadOptions storage_options() const;
    Status start_hub();
    void start_recording();
    Status start_deliveries();

    // the turn
    TurnResult close_turn();
    void end_turn();
    void read_time();
    void apply(InputBody body);
    void note_clock_jump(const Time& previous);
    void handle_fault(const Input& input, const Fault& fault);
    void refuse_input(const InputBody& input);
    void release_ready();
    void set_timer();
    void on_timer();
    void on_sweep();
    void update_input_block();
    void take_held_input();
    void enforce_budgets();
    void take_machine_sample();

    // effects
    void carry_out(Effect& effect);
    void carry_out(SendFrame& effect);
    void carry_out(SendPing& effect);
    void carry_out(CloseConnection& effect);
    void carry_out(HttpRespond& effect);
    void carry_out(HttpBody& effect);
    void carry_out(RunQuery& effect);
    void carry_out(LogEvent& effect);
    void carry_out(SetLogLevels& effect);
    void carry_out(AnswerRecording& effect);
    void carry_out(Deliver& effect);
    void carry_out(KeepSecret& effect);
    void carry_out(ForgetSecret& effect);
    void note_unkept(const Status& written);
    void carry_out(StorageJob& effect);
    void carry_out(RestartHub& effect);
    void carry_out(CallerKnown& effect);
    void mark_for_flush(Client& client);
    void flush_marked();
    void respond(RequestId request, HttpRespond& response);

    // the store
    void on_report(WriterReport report);
    void on_commit_failed(const WriterReport& report);
    void on_answer(QueryAnswer answer);
    void on_compacted(const WriterReport& report);

    // the end
    void on_signal(int number);
    void reload_tls();
    void begin_shutdown();
    void finish_if_drained();
    void finish();

    // ClientHost
    NetContext& net() override { return net_; }
    char* write_buffer() override { return transport_->write_buffer(); }
    void begin_turn() override;
    void submit(InputBody input) override;
    ConnectionId open_connection(Client& client) override;
    RequestId begin_request(Client& client, HttpRequest request, bool mints_secret) override;
    void cancel_request(RequestId request) override;
    bool input_blocked() const override { return input_blocked_; }
    void await_input(Client& client) override;
    int64_t open_turn() const override { return turns_.added() + (turn_open_ ? 1 : 0); }
    int64_t released_turns() const override { return turns_.released(); }
    void held_bytes_changed(int64_t by) override { held_bytes_ += by; }
    void connection_ended(ConnectionId connection) override { connections_.erase(connection); }
    void slow_reader_ended() override { figures_.closed_slow_reader(); }
    void gone(Client& client) override;

    ServerOptions options_;
    Log& log_;
    NetContext net_;
    EventLoop loop_;
    std::unique_ptr<SqliteStore> store_;
    std::unique_ptr<Hub> hub_;
    std::unique_ptr<FaultGuard> faults_;
    std::unique_ptr<Recorder> recorder_;
    std::unique_ptr<RecordingDesk> recording_desk_;
    std::unique_ptr<WriterThread> writer_;
    std::unique_ptr<ReaderThread> reader_;
    std::unique_ptr<StorageThread> storage_;
    std::unique_ptr<Transport> transport_;
    WebhookSecrets secrets_;
    std::unique_ptr<DeliveryThread> deliveries_;
    Address address_;
    std::string admin_token_;
    std::string vapid_public_key_;

    MachineFigures figures_;
    TurnQueue turns_;
    std::unordered_map<ConnectionId, Client*> connections_;
    std::unordered_map<RequestId, PendingRequest> requests_;
    std::vector<Client*> clients_;         // Client::index is the place in it
    std::vector<Client*> awaiting_input_;  // hold bytes until they may be taken
    std::vector<Client*> to_flush_;
    ConnectionId next_connection_ = 1;
    RequestId next_request_ = 1;
    int64_t held_bytes_ = 0;
    int64_t clock_offset_us_ = 0;    // wall minus monotonic
    int64_t no_tick_before_us_ = 0;  // after a fault in a tick
    int64_t drain_until_us_ = 0;
    int exit_code_ = 0;
    bool turn_open_ = false;
    bool time_read_ = false;
    bool releasing_ = false;
    bool input_blocked_ = false;
    bool storage_failed_ = false;
    bool stopping_ = false;
    bool restart_ = false;
    int64_t compaction_job_ = 0;  // that the writer is at; 0 = none
    std::string damage_;          // what a start found, for people
};

}  // namespace agentcom
