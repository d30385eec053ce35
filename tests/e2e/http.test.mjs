// The HTTP API: every route of this version, its errors, and the rules of HTTP itself that http.md §1 fixes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, frame_matches } from './lib/client.mjs';
import { Hub, hub_for } from './lib/hub.mjs';
import { RawSocket } from './lib/raw.mjs';
import { until } from './lib/wait.mjs';

const keys = (object) => Object.keys(object).sort();

/** At least these keys: HTTP bodies may carry more than v1.1's. */
function assert_has_keys(object, wanted) {
  const missing = wanted.filter((key) => !(key in object));
  assert.deepEqual(missing, [], `missing in ${JSON.stringify(object)}`);
}

function assert_json_error(reply, status, error) {
  assert.equal(reply.status, status, reply.text);
  assert.match(reply.headers['content-type'] ?? '', /^application\/json/);
  if (error) assert.equal(reply.body?.error, error, reply.text);
  else assert.equal(typeof reply.body?.error, 'string', reply.text);
}

const kTaskKeys = [
  'id', 'description', 'metadata', 'priority', 'status', 'assigned_to', 'assigned_at', 'generation', 'retry_count',
  'max_retries', 'needed_capabilities', 'last_error', 'complete_by', 'result', 'tokens_used', 'submitted_by',
  'created_at', 'updated_at', 'history',
];

describe('routes', () => {
  let hub;
  let admin;
  let alice;
  let bob;
  before(async () => {
    hub = await Hub.start({ settings: { retry_delay_ms: 0 } });
    admin = hub.api();
    alice = hub.api(await hub.token_for('alice'));
    bob = hub.api(await hub.token_for('bob'));
  });
  after(() => hub.dispose());

  describe('health', () => {
    test('/health is open and counts the connected agents', async () => {
      const reply = await admin.get('/health', { token: null });
      assert.equal(reply.status, 200);
      assert.equal(reply.body.status, 'ok');
      assert.equal(reply.body.service, 'agent_com');
      const before_joining = reply.body.agents_connected;
      const client = await Client.join(hub, 'health-1');
      assert.equal((await admin.get('/health', { token: null })).body.agents_connected, before_joining + 1);
      await client.close();
    });

    test('/livez and /readyz are open', async () => {
      for (const path of ['/livez', '/readyz']) assert.equal((await admin.get(path, { token: null })).status, 200, path);
    });

    test('answers carry the headers of §1.2', async () => {
      const { headers } = await admin.get('/health', { token: null });
      assert.equal(headers['content-type'], 'application/json; charset=utf-8');
      assert.equal(headers['cache-control'], 'max-age=0, private, must-revalidate');
      assert.ok(headers.date);
      assert.ok(headers['content-length']);
      assert.equal(headers.server, undefined);
    });

    test('HEAD is GET without the body', async () => {
      const raw = await RawSocket.connect(hub.port);
      raw.write(`HEAD /livez HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n\r\n`);
      const head = await raw.read_response({ head_only: true });
      assert.equal(head.status, 200);
      assert.ok(Number(head.headers['content-length']) > 0);
      // Nothing of a body may stand before the next answer.
      raw.write(`GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n\r\n`);
      const get = await raw.read_response();
      assert.equal(get.status, 200);
      assert.equal(String(get.body.length), head.headers['content-length']);
      raw.destroy();
    });
  });

  describe('onboarding and tokens', () => {
    test('register gives a token and the addresses of the hub, once per name', async () => {
      const reply = await admin.post('/api/onboard/register', { agent_id: 'newcomer' }, { token: null });
      assert.equal(reply.status, 201, reply.text);
      assert.deepEqual(keys(reply.body), ['agent_id', 'default_repo', 'hub_api_url', 'hub_ws_url', 'token']);
      assert.equal(reply.body.agent_id, 'newcomer');
      assert.match(reply.body.token, /^[0-9a-f]{64}$/);
      assert.equal(reply.body.hub_api_url, hub.url);
      assert.equal(reply.body.hub_ws_url, hub.ws_url);
      assert.equal(reply.body.default_repo, null);
      const again = await admin.post('/api/onboard/register', { agent_id: 'newcomer' }, { token: null });
      assert_json_error(again, 409, 'agent_id already registered');
      const client = await Client.join(hub, 'newcomer', { token: reply.body.token });
      await client.close();
    });

    test('register refuses bad names with 422', async () => {
      const post = (body) => admin.post('/api/onboard/register', body, { token: null });
      const empty = await post({ agent_id: '' });
      assert.equal(empty.status, 422);
      assert.deepEqual(empty.body, {
        error: 'validation_failed',
        errors: [{ field: 'agent_id', error: 'required', detail: 'agent_id must not be empty' }],
      });
      const none = await post({});
      assert.deepEqual(none.body.errors, [{ field: 'agent_id', error: 'required', detail: 'field is required' }]);
      const long = await post({ agent_id: 'é'.repeat(129) });
      assert.deepEqual(long.body.errors, [{
        field: 'agent_id', error: 'too_long', detail: 'exceeds maximum length of 128 characters',
        value: `${'é'.repeat(50)}...`,
      }]);
      const wrong = await post({ agent_id: 5 });
      assert.deepEqual(wrong.body.errors, [{
        field: 'agent_id', error: 'wrong_type', detail: 'expected string, got integer', value: 5,
      }]);
    });

    test('tokens are made, listed by prefix and revoked', async () => {
      const first = await admin.post('/admin/tokens', { agent_id: 'tok' });
      assert.equal(first.status, 201);
      assert.deepEqual(keys(first.body), ['agent_id', 'token']);
      const second = await admin.post('/admin/tokens', { agent_id: 'tok' });
      assert.notEqual(first.body.token, second.body.token);
      for (const made of [first, second]) {
        assert.equal((await admin.get('/api/tasks/stats', { token: made.body.token })).status, 200);
      }
      const list = await admin.get('/admin/tokens');
      assert.equal(list.status, 200);
      const mine = list.body.tokens.filter((row) => row.agent_id === 'tok').map((row) => row.token_prefix);
      const prefixes = [first, second].map((made) => `${made.body.token.slice(0, 8)}...`);
      assert.deepEqual(mine.sort(), prefixes.sort());
      assert.ok(!list.text.includes(first.body.token));
      const revoked = await admin.delete('/admin/tokens/tok');
      assert.deepEqual(revoked.body, { status: 'revoked', agent_id: 'tok' });
      for (const made of [first, second]) {
        assert_json_error(await admin.get('/api/tasks/stats', { token: made.body.token }), 401, 'unauthorized');
      }
      // The name is free again.
      assert.equal((await admin.post('/api/onboard/register', { agent_id: 'tok' }, { token: null })).status, 201);
    });

    test('revoking an unknown agent is no error, and an agent may revoke itself', async () => {
      assert.deepEqual((await admin.delete('/admin/tokens/nobody')).body, { status: 'revoked', agent_id: 'nobody' });
      const token = await hub.token_for('leaver');
      const reply = await admin.delete('/admin/tokens/leaver', { token });
      assert.equal(reply.status, 200, reply.text);
      assert.equal((await admin.get('/api/tasks/stats', { token })).status, 401);
    });

    test('tokens survive kill -9', async (t) => {
      const own = await hub_for(t);
      const token = await own.token_for('keeper');
      await own.restart();
      assert.equal((await own.api(token).get('/api/tasks/stats')).status, 200);
      assert.equal((await own.api().get('/admin/tokens')).status, 200);
    });
  });

  describe('who may ask', () => {
    const strict = { error: 'unauthorized', hint: 'provide Authorization: Bearer <token>' };

    test('strict routes want exactly one Bearer header', async () => {
      const token = alice.token;
      const bad = [
        {}, { authorization: `bearer ${token}` }, { authorization: token }, { authorization: 'Bearer' },
        { authorization: 'Bearer 0000' }, { authorization: `Basic ${token}` },
        { authorization: [`Bearer ${token}`, `Bearer ${token}`] },
      ];
      for (const headers of bad) {
        const reply = await admin.get(`/api/tasks/stats?token=${token}`, { token: null, headers });
        assert.equal(reply.status, 401, JSON.stringify(headers));
        assert.deepEqual(reply.body, strict);
      }
      for (const authorization of [`Bearer ${token}`, `Bearer   ${token}  `]) {
        const reply = await admin.get('/api/tasks/stats', { token: null, headers: { authorization } });
        assert.equal(reply.status, 200, JSON.stringify(authorization));
      }
    });

    test('flex routes take ?token= too, but not beside a wrong Bearer header', async () => {
      const token = alice.token;
      const path = `/api/mailbox/alice?token=${token}`;
      const ask = (headers) => admin.get(path, { token: null, headers });
      assert.equal((await ask({})).status, 200);
      assert.equal((await ask({ authorization: 'Basic abc' })).status, 200);
      assert.equal((await ask({ authorization: `Bearer ${token}` })).status, 200);
      const wrong = await ask({ authorization: 'Bearer wrong' });
      assert.equal(wrong.status, 401);
      assert.deepEqual(wrong.body, { error: 'unauthorized' });
      assert.equal((await ask({ authorization: `Bearer  ${token}` })).status, 401);
      const body = await admin.post('/api/mailbox/alice/ack', { seq: 0, token }, { token: null });
      assert.equal(body.status, 200, body.text);
    });

    test('a mailbox belongs to its agent alone', async () => {
      assert.deepEqual((await bob.get('/api/mailbox/alice')).body, { error: 'unauthorized' });
      assert.equal((await bob.post('/api/mailbox/alice/ack', { seq: 1 })).status, 401);
      assert.equal((await admin.get('/api/mailbox/alice', { token: null })).status, 401);
    });

    test('the order is: parse, route, token, fields, lookup', async () => {
      const broken = { token: null, raw_body: '{', headers: { 'content-type': 'application/json' } };
      assert_json_error(await admin.request('POST', '/api/tasks', broken), 400);
      assert_json_error(await admin.request('POST', '/nowhere', broken), 400);
      assert_json_error(await admin.post('/nowhere', {}, { token: null }), 404, 'not_found');
      assert_json_error(await admin.post('/api/tasks', {}, { token: null }), 401, 'unauthorized');
      assert_json_error(await admin.get('/api/mailbox/alice?since=abc', { token: null }), 401);
      assert_json_error(await alice.post('/api/tasks', {}), 422, 'validation_failed');
      assert_json_error(await alice.get('/api/tasks/task-none'), 404, 'task_not_found');
    });

    test('agents cannot hand out tokens', async () => {
      assert_json_error(await alice.post('/admin/tokens', { agent_id: 'evil' }), 403);
      assert_json_error(await alice.delete('/admin/tokens/bob'), 403);
    });
  });

  describe('agents', () => {
    test('lists, states and one state', async () => {
      const agent = await Client.join(hub, 'ag-1', { name: 'Agent', status: 'here', capabilities: ['ag', 'review'] });
      const list = await admin.get('/api/agents', { token: null });
      assert.equal(list.status, 200);
      const row = list.body.agents.find((entry) => entry.agent_id === 'ag-1');
      assert_has_keys(row, ['agent_id', 'name', 'status', 'capabilities', 'connected_at', 'fsm_state']);
      assert.equal(row.fsm_state, 'idle'); // not v1.1's "unknown"
      assert.deepEqual(row.capabilities, ['ag', 'review']);

      const { task_id } = (await alice.post('/api/tasks', { description: 'x', needed_capabilities: ['ag'] })).body;
      await agent.expect({ type: 'task_assign', task_id });
      const states = await alice.get('/api/agents/states');
      const state = states.body.agents.find((entry) => entry.agent_id === 'ag-1');
      assert_has_keys(state, ['agent_id', 'fsm_state', 'current_task_id', 'capabilities', 'flags', 'connected_at', 'name']);
      assert.equal(state.fsm_state, 'assigned');
      assert.equal(state.current_task_id, task_id);
      assert.deepEqual(state.capabilities, [{ name: 'ag' }, { name: 'review' }]);
      assert.deepEqual(state.flags, []);

      await agent.request({ type: 'task_accepted', task_id }, { type: 'task_ack' });
      const one = await alice.get('/api/agents/ag-1/state');
      assert.equal(one.status, 200);
      assert.equal(one.body.fsm_state, 'working');
      assert.ok(Number.isInteger(one.body.last_state_change));
      await agent.request({ type: 'task_complete', task_id, generation: 1 }, { type: 'task_ack' });
      assert.equal((await alice.get('/api/agents/ag-1/state')).body.fsm_state, 'idle');
      await agent.close();
      await until(async () => (await alice.get('/api/agents/ag-1/state')).status === 404, 'agent gone');
      assert.deepEqual((await alice.get('/api/agents/ag-1/state')).body, { error: 'agent_not_found' });
    });

    test('states want a token', async () => {
      for (const path of ['/api/agents/states', '/api/agents/alice/state']) {
        assert.equal((await admin.get(path, { token: null })).status, 401, path);
      }
    });
  });

  describe('messages and mailbox', () => {
    test('a message by HTTP is pushed to who is connected and kept for who is not', async () => {
      const here = await Client.join(hub, 'mh-here');
      const reply = await alice.post('/api/message', { to: 'mh-here', payload: { t: 1 }, type: 'request', reply_to: 'r' });
      assert.equal(reply.status, 200, reply.text);
      assert.deepEqual(keys(reply.body), ['id', 'status']);
      assert.equal(reply.body.status, 'sent');
      const push = await here.expect({ type: 'message', id: reply.body.id });
      assert.deepEqual({ ...push, timestamp: 0 }, {
        type: 'message', id: reply.body.id, from: 'alice', message_type: 'request', payload: { t: 1 }, reply_to: 'r', timestamp: 0,
      });
      const away = hub.api(await hub.token_for('mh-away'));
      const sent = [];
      for (let n = 1; n <= 3; ++n) {
        sent.push((await alice.post('/api/message', { to: 'mh-away', payload: { n }, from: 'liar' })).body.id);
      }
      const box = (await away.get('/api/mailbox/mh-away')).body;
      assert.deepEqual(keys(box), ['agent_id', 'count', 'last_seq', 'messages']);
      assert.deepEqual(box.messages.map((m) => m.id), sent);
      assert.deepEqual(keys(box.messages[0]), ['from', 'id', 'payload', 'reply_to', 'seq', 'timestamp', 'to', 'type']);
      assert.equal(box.messages[0].from, 'alice');
      assert.equal(box.messages[0].type, 'chat');
      const since = (await away.get(`/api/mailbox/mh-away?since=${box.messages[0].seq}`)).body;
      assert.deepEqual(since.messages.map((m) => m.id), sent.slice(1));
      const none = (await away.get(`/api/mailbox/mh-away?since=${box.last_seq}`)).body;
      assert.deepEqual({ ...none }, { agent_id: 'mh-away', messages: [], last_seq: box.last_seq, count: 0 });
      assert.equal((await away.get('/api/mailbox/mh-away?since=-5')).body.count, 3);
      const acked = await away.post('/api/mailbox/mh-away/ack', { seq: box.messages[1].seq });
      assert.deepEqual(acked.body, { status: 'acked', up_to: box.messages[1].seq });
      assert.deepEqual((await away.get('/api/mailbox/mh-away')).body.messages.map((m) => m.id), sent.slice(2));
      await here.close();
    });

    test('a broadcast by HTTP reaches the sender’s own socket', async () => {
      const token = alice.token;
      const socket = await Client.join(hub, 'alice', { token });
      for (const to of [undefined, null, 'broadcast']) {
        const { id } = (await alice.post('/api/message', { to, payload: {} })).body;
        await socket.expect({ type: 'message', id });
      }
      await socket.close();
    });

    test('bad messages and acknowledgements get 422', async () => {
      const wrong = await alice.post('/api/message', { to: 5, payload: [], type: {} });
      assert.equal(wrong.status, 422);
      assert.deepEqual(wrong.body.errors.map((e) => [e.field, e.detail]), [
        ['payload', 'expected object, got array'],
        ['to', 'expected string, got integer'],
        ['type', 'expected string, got object'],
      ]);
      const missing = await alice.post('/api/mailbox/alice/ack', {});
      assert.deepEqual(missing.body.errors, [{ field: 'seq', error: 'required', detail: 'field is required' }]);
      const float = await alice.post('/api/mailbox/alice/ack', { seq: 1.5 });
      assert.equal(float.body.errors[0].detail, 'expected integer, got float');
      assert_json_error(await alice.get('/api/mailbox/alice?since=abc'), 422);
    });

    test('an agent id in a path is percent-decoded', async () => {
      const id = 'odd/näme #1';
      const odd = hub.api(await hub.token_for(id));
      await alice.post('/api/message', { to: id, payload: {} });
      const box = await odd.get(`/api/mailbox/${encodeURIComponent(id)}`);
      assert.equal(box.status, 200, box.text);
      assert.equal(box.body.agent_id, id);
      assert.equal(box.body.count, 1);
    });
  });

  describe('tasks', () => {
    const capability = ['nobody'];
    const post = (body, options) => alice.post('/api/tasks', { needed_capabilities: capability, ...body }, options);
    const get = async (id) => (await alice.get(`/api/tasks/${id}`)).body;

    test('submit answers with four keys, and the defaults are those of v1.1', async () => {
      const reply = await post({ description: 'd' });
      assert.equal(reply.status, 201, reply.text);
      assert.deepEqual(keys(reply.body), ['created_at', 'priority', 'status', 'task_id']);
      assert.match(reply.body.task_id, /^task-[0-9a-f]{16}$/);
      assert.deepEqual([reply.body.status, reply.body.priority], ['queued', 2]);
      const task = await get(reply.body.task_id);
      assert_has_keys(task, kTaskKeys);
      assert.ok(frame_matches(task, {
        id: reply.body.task_id, description: 'd', metadata: {}, priority: 2, status: 'queued', assigned_to: null,
        assigned_at: null, generation: 0, retry_count: 0, max_retries: 3, needed_capabilities: capability,
        last_error: null, complete_by: null, result: null, tokens_used: null, submitted_by: 'alice',
      }), JSON.stringify(task));
      assert.equal(task.created_at, task.updated_at);
      assert.equal(task.history.length, 1);
      assert.deepEqual({ ...task.history[0], timestamp: 0 }, { event: 'queued', details: 'submitted', timestamp: 0 });
    });

    test('priorities, known and unknown', async () => {
      const wanted = { urgent: 0, high: 1, normal: 2, low: 3, critical: 0, HIGH: 2, whatever: 2 };
      for (const [word, number] of Object.entries(wanted)) {
        const reply = await post({ description: '', priority: word });
        assert.equal(reply.status, 201, word);
        // `critical` may be urgent, as the submit tool means it, or normal as in v1.1 (Q17).
        if (word === 'critical') assert.ok([0, 2].includes(reply.body.priority));
        else assert.equal(reply.body.priority, number, word);
      }
    });

    test('every field comes back as it was sent', async () => {
      const parent = (await post({ description: 'parent' })).body.task_id;
      const blocker = (await post({ description: 'blocker' })).body.task_id;
      const fields = {
        description: 'all of it', priority: 'high', metadata: { big: 12345678901234567000, nested: { a: [null] } },
        max_retries: 7, complete_by: Date.now() + 3_600_000, needed_capabilities: ['x', 'y'],
        kind: 'build', labels: ['red', 'blue'], not_before: Date.now() + 1_800_000, max_run_ms: 60_000,
        unique_key: 'u-1', fairness_key: 'team-a', parent_id: parent, blocked_by: [blocker],
        origin: 'test', trace: '00-abc-def-01',
      };
      const reply = await alice.post('/api/tasks', fields);
      assert.equal(reply.status, 201, reply.text);
      const task = await get(reply.body.task_id);
      for (const [name, value] of Object.entries(fields)) {
        assert.deepEqual(task[name], name === 'priority' ? 1 : value, name);
      }
      assert.equal(task.root_id, parent);
      assert.equal(task.requested_by, 'alice');
      assert.equal(task.status, 'queued'); // held, as protocol 1 sees it
    });

    test('bad fields get 422, all of them, required ones first', async () => {
      const reply = await alice.post('/api/tasks', {
        priority: 1, metadata: [], max_retries: '3', complete_by: 1.5, needed_capabilities: ['a', 5, 'b', 6],
      });
      assert.equal(reply.status, 422);
      assert.deepEqual(reply.body.errors.filter((e) => e.field !== 'x'), [
        { field: 'description', error: 'required', detail: 'field is required' },
        { field: 'complete_by', error: 'wrong_type', detail: 'expected integer, got float', value: 1.5 },
        { field: 'max_retries', error: 'wrong_type', detail: 'expected integer, got string', value: '3' },
        { field: 'metadata', error: 'wrong_type', detail: 'expected object, got array', value: [] },
        { field: 'needed_capabilities[1]', error: 'wrong_type', detail: 'expected string, got integer', value: 5 },
        { field: 'priority', error: 'wrong_type', detail: 'expected string, got integer', value: 1 },
      ]);
      const long = await post({ description: 'x'.repeat(10_001) });
      assert.equal(long.body.errors[0].error, 'too_long');
      assert.equal((await post({ description: 'x'.repeat(10_000) })).status, 201);
      assert.equal((await post({ description: '' })).status, 201);
      assert.equal((await post({ description: null })).status, 422);
    });

    test('a JSON body that is no object is a body without the fields', async () => {
      const reply = await alice.request('POST', '/api/tasks', {
        raw_body: '[1,2]', headers: { 'content-type': 'application/json' },
      });
      assert.equal(reply.status, 422);
      assert.equal(reply.body.errors[0].field, 'description');
    });

    test('a task that blocks itself, or waits for nobody, is refused; unique_key admits one live task', async () => {
      assert.ok([404, 409, 422].includes((await post({ description: '', blocked_by: ['task-none'] })).status));
      const first = await post({ description: '', unique_key: 'once' });
      assert.equal(first.status, 201);
      const second = await post({ description: '', unique_key: 'once' });
      assert.ok([200, 201, 409].includes(second.status), second.text);
      if (second.status !== 409) assert.equal(second.body.task_id, first.body.task_id);
    });

    test('a blocked task is assigned when its blocker has completed', async () => {
      const agent = await Client.join(hub, 'blocky', { capabilities: ['blocky'] });
      const needed = { needed_capabilities: ['blocky'], description: '' };
      const hold = (await alice.post('/api/tasks', { ...needed, description: 'first' })).body.task_id;
      await agent.expect({ type: 'task_assign', task_id: hold });
      const waits = (await alice.post('/api/tasks', { ...needed, blocked_by: [hold] })).body.task_id;
      const free = (await alice.post('/api/tasks', { ...needed })).body.task_id;
      await agent.request({ type: 'task_complete', task_id: hold, generation: 1 }, { type: 'task_ack' });
      const got = [];
      for (let i = 0; i < 2; ++i) {
        const task = await agent.expect({ type: 'task_assign' });
        got.push(task.task_id);
        await agent.request({ type: 'task_complete', task_id: task.task_id, generation: 1 }, { type: 'task_ack' });
      }
      assert.deepEqual(got.sort(), [waits, free].sort());
      await agent.close();
    });

    test('not_before holds a task until then', async () => {
      const agent = await Client.join(hub, 'later', { capabilities: ['later'] });
      const at = Date.now() + 300;
      const { task_id } = (await alice.post('/api/tasks', { description: '', not_before: at, needed_capabilities: ['later'] })).body;
      await agent.expect_none({ type: 'task_assign' });
      await agent.expect({ type: 'task_assign', task_id });
      assert.ok(Date.now() >= at - 5);
      await agent.close();
    });

    test('lists are sorted, filtered and refuse what they do not know', async (t) => {
      const own = await hub_for(t);
      const api = own.api(await own.token_for('lister'));
      const ids = {};
      for (const [name, priority] of [['l1', 'low'], ['n1', 'normal'], ['u1', 'urgent'], ['n2', 'normal'], ['u2', 'urgent']]) {
        ids[name] = (await api.post('/api/tasks', { description: name, priority, needed_capabilities: ['none'] })).body.task_id;
      }
      const names = async (query) => {
        const reply = await api.get(`/api/tasks${query}`);
        assert.equal(reply.status, 200, reply.text);
        assert.equal(reply.body.count, reply.body.tasks.length);
        return reply.body.tasks.map((task) => task.description);
      };
      assert.deepEqual(await names(''), ['u1', 'u2', 'n1', 'n2', 'l1']);
      assert.deepEqual(await names('?priority=urgent'), ['u1', 'u2']);
      assert.deepEqual(await names('?priority=3'), ['l1']);
      assert.deepEqual(await names('?status=queued&priority=normal'), ['n1', 'n2']);
      assert.deepEqual(await names('?status=completed'), []);
      const worker = await Client.join(own, 'w', { capabilities: ['none'] });
      await worker.expect({ type: 'task_assign', task_id: ids.u1 });
      assert.deepEqual(await names('?status=assigned'), ['u1']);
      assert.deepEqual(await names('?assigned_to=w'), ['u1']);
      assert.deepEqual(await names('?assigned_to=nobody'), []);
      await worker.request({ type: 'task_complete', task_id: ids.u1, generation: 1 }, { type: 'task_ack' });
      await until(async () => (await names('?status=completed')).length === 1, 'completed task in the list');
      for (const query of ['?status=pending', '?status=', '?priority=9', '?priority=huge', '?limit=x']) {
        assert_json_error(await api.get(`/api/tasks${query}`), 422);
      }
    });

    test('a cursor pages through all tasks once, in order', async (t) => {
      const own = await hub_for(t);
      const api = own.api(await own.token_for('pager'));
      const all = [];
      for (let i = 0; i < 25; ++i) {
        const reply = await api.post('/api/tasks', { description: `${i}`, needed_capabilities: ['none'] });
        all.push(reply.body.task_id);
      }
      const seen = [];
      let cursor;
      for (let page = 0; page < 10; ++page) {
        const reply = await api.get(`/api/tasks?limit=10${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
        assert.equal(reply.status, 200, reply.text);
        assert.ok(reply.body.tasks.length <= 10);
        seen.push(...reply.body.tasks.map((task) => task.id));
        cursor = reply.body.next_cursor ?? reply.body.cursor;
        if (cursor === undefined || cursor === null || reply.body.tasks.length === 0) break;
      }
      assert.deepEqual(seen, all);
    });

    test('stats count by status and priority, without zeros', async (t) => {
      const own = await hub_for(t);
      const api = own.api(await own.token_for('stat'));
      assert.deepEqual((await api.get('/api/tasks/stats')).body, {
        by_status: {}, by_priority: {}, dead_letter: 0, queued_index_size: 0,
      });
      for (const priority of ['urgent', 'normal', 'normal']) {
        await api.post('/api/tasks', { description: '', priority, needed_capabilities: ['none'] });
      }
      assert.deepEqual((await api.get('/api/tasks/stats')).body, {
        by_status: { queued: 3 }, by_priority: { 0: 1, 2: 2 }, dead_letter: 0, queued_index_size: 3,
      });
    });

    test('dead letters are listed apart and can be tried again', async (t) => {
      const own = await hub_for(t, { settings: { retry_delay_ms: 0 } });
      const api = own.api(await own.token_for('dead'));
      const agent = await Client.join(own, 'failer', { capabilities: ['f'] });
      const { task_id } = (await api.post('/api/tasks', { description: 'x', max_retries: 1, needed_capabilities: ['f'] })).body;
      await agent.expect({ type: 'task_assign', task_id });
      await agent.request({ type: 'task_failed', task_id, generation: 1, reason: 'broken' }, { type: 'task_ack', status: 'dead_letter' });
      const dead = (await api.get('/api/tasks/dead-letter')).body;
      assert.equal(dead.count, 1);
      assert.ok(frame_matches(dead.tasks[0], {
        id: task_id, status: 'dead_letter', last_error: 'broken', retry_count: 1, assigned_to: 'failer',
      }), JSON.stringify(dead.tasks[0]));
      assert.equal((await api.get('/api/tasks')).body.tasks.filter((task) => task.id === task_id).length, 0);
      assert.equal((await api.get('/api/tasks/stats')).body.dead_letter, 1);
      assert.equal((await api.get(`/api/tasks/${task_id}`)).body.status, 'dead_letter');
      await agent.close();
      const retried = await api.post(`/api/tasks/${task_id}/retry`);
      assert.deepEqual(retried.body, { status: 'requeued', task_id, priority: 2 });
      const task = (await api.get(`/api/tasks/${task_id}`)).body;
      assert.deepEqual([task.status, task.retry_count, task.last_error], ['queued', 0, null]);
      assert.ok(task.generation > 1);
      assert.equal(task.history[0].details, 'retried from dead-letter');
      assert_json_error(await api.post(`/api/tasks/${task_id}/retry`), 404, 'task_not_found');
    });

    test('DELETE cancels what is not finished', async () => {
      const { task_id } = (await post({ description: 'never mind' })).body;
      const reply = await alice.delete(`/api/tasks/${task_id}`);
      assert.equal(reply.status, 200, reply.text);
      assert.equal(reply.body.task_id, task_id);
      assert.equal(reply.body.status, 'cancelled');
      const task = await get(task_id);
      assert.equal(task.last_error, 'cancelled');
      assert.ok(['cancelled', 'dead_letter'].includes(task.status), task.status);
      const again = await alice.delete(`/api/tasks/${task_id}`);
      assert.ok([200, 404, 409].includes(again.status), again.text);
      assert_json_error(await alice.delete('/api/tasks/task-none'), 404, 'task_not_found');
    });

    test('unknown tasks get 404 with their id', async () => {
      assert.deepEqual((await alice.get('/api/tasks/task-none')).body, { error: 'task_not_found', task_id: 'task-none' });
      assert.deepEqual((await alice.post('/api/tasks/task-none/retry')).body, { error: 'task_not_found', task_id: 'task-none' });
    });
  });

  describe('idempotency keys', () => {
    const keyed = (api, path, body, key) => api.post(path, body, { headers: { 'idempotency-key': key } });

    test('the same key and body give the first answer again, and one task', async () => {
      const body = { description: 'once', needed_capabilities: ['idem'] };
      const first = await keyed(alice, '/api/tasks', body, 'k1');
      const second = await keyed(alice, '/api/tasks', body, 'k1');
      assert.equal(first.status, 201);
      assert.equal(second.status, 201);
      assert.equal(second.text, first.text);
      const list = await alice.get('/api/tasks?status=queued');
      assert.equal(list.body.tasks.filter((task) => task.description === 'once').length, 1);
    });

    test('the same key with another body is a conflict', async () => {
      await keyed(alice, '/api/tasks', { description: 'a', needed_capabilities: ['idem'] }, 'k2');
      const other = await keyed(alice, '/api/tasks', { description: 'b', needed_capabilities: ['idem'] }, 'k2');
      assert_json_error(other, 422, 'idempotency_conflict');
    });

    test('a key belongs to its caller and its operation', async () => {
      const body = { description: 'mine', needed_capabilities: ['idem'] };
      const mine = await keyed(alice, '/api/tasks', body, 'k3');
      const theirs = await keyed(bob, '/api/tasks', body, 'k3');
      assert.notEqual(mine.body.task_id, theirs.body.task_id);
      const message = await keyed(alice, '/api/message', { to: 'idem-x', payload: {} }, 'k3');
      assert.equal(message.status, 200);
    });

    test('a message sent twice with one key is one message', async () => {
      const body = { to: 'idem-box', payload: { n: 1 } };
      const ids = [];
      for (let i = 0; i < 3; ++i) ids.push((await keyed(alice, '/api/message', body, 'k4')).body.id);
      assert.equal(new Set(ids).size, 1);
      const box = hub.api(await hub.token_for('idem-box'));
      assert.equal((await box.get('/api/mailbox/idem-box')).body.count, 1);
    });

    test('simultaneous requests with one key make one task', async () => {
      const body = { description: 'race', needed_capabilities: ['idem'] };
      const replies = await Promise.all(Array.from({ length: 10 }, () => keyed(alice, '/api/tasks', body, 'k5')));
      assert.equal(new Set(replies.map((reply) => reply.body.task_id)).size, 1);
    });

    test('keys survive kill -9', async (t) => {
      const own = await hub_for(t);
      const api = own.api(await own.token_for('keep'));
      const body = { description: 'once', needed_capabilities: ['idem'] };
      const first = await keyed(api, '/api/tasks', body, 'k6');
      await own.restart();
      assert.equal((await keyed(api, '/api/tasks', body, 'k6')).text, first.text);
      assert_json_error(await keyed(api, '/api/tasks', { ...body, description: 'twice' }, 'k6'), 422, 'idempotency_conflict');
    });
  });
});

describe('HTTP itself', () => {
  let hub;
  let api;
  before(async () => {
    hub = await Hub.start();
    api = hub.api();
  });
  after(() => hub.dispose());

  const json = { 'content-type': 'application/json' };

  /** Sends `text` on a new connection and reads one response. */
  async function exchange(text, options) {
    const raw = await RawSocket.connect(hub.port);
    raw.write(text);
    const response = await raw.read_response(options);
    return { raw, response };
  }

  async function assert_alive() {
    assert.equal((await api.get('/health')).status, 200);
  }

  test('paths: empty segments do not count, case does', async () => {
    for (const path of ['/health/', '//health', '/health?x=1']) assert.equal((await api.get(path)).status, 200, path);
    for (const path of ['/Health', '/api', '/', '/api/Agents', '/API/agents', '/health/x', '/favicon.ico']) {
      const reply = await api.get(path, { token: null });
      if (path === '/' || path === '/favicon.ico') assert.equal(reply.status, path === '/' ? 302 : 200);
      else assert_json_error(reply, 404, 'not_found');
    }
  });

  test('routes of later versions and other methods are unknown', async () => {
    assert_json_error(await api.get('/api/no-such-thing'), 404, 'not_found');
    for (const [method, path] of [['PATCH', '/api/tasks'], ['PUT', '/health'], ['DELETE', '/api/agents']]) {
      const reply = await api.request(method, path);
      assert.equal(reply.status, 405, `${method} ${path}`);
      assert.equal(typeof reply.body.error, 'string');
    }
  });

  test('a plain GET of /ws gets a JSON error, and /WS is unknown', async () => {
    const reply = await api.get('/ws', { token: null });
    assert.ok([400, 426].includes(reply.status), `${reply.status}`);
    assert.equal(typeof reply.body.error, 'string');
    assert.equal((await api.get('/WS')).status, 404);
  });

  for (const [what, headers] of [
    ['no key', { 'Sec-WebSocket-Key': undefined }],
    ['another version', { 'Sec-WebSocket-Version': '8' }],
    ['no Connection: Upgrade', { Connection: 'keep-alive' }],
  ]) {
    test(`an upgrade with ${what} is refused`, async () => {
      const raw = await RawSocket.connect(hub.port);
      const response = await raw.upgrade('/ws', headers);
      assert.ok([400, 426].includes(response.status), `${response.status}`);
      raw.destroy();
    });
  }

  test('an upgrade has the right key and offers nothing that was not asked for', async () => {
    for (const path of ['/ws', '/ws/', '//ws', '/ws?x=1']) {
      const raw = await RawSocket.connect(hub.port);
      const response = await raw.upgrade(path, {
        'Sec-WebSocket-Extensions': 'permessage-deflate', 'Sec-WebSocket-Protocol': 'chat',
      });
      assert.equal(response.status, 101, path);
      assert.equal(response.headers['sec-websocket-accept'], response.expected_accept);
      assert.equal(response.headers['sec-websocket-extensions'], undefined);
      assert.equal(response.headers['sec-websocket-protocol'], undefined);
      raw.destroy();
    }
  });

  test('bodies: what is no JSON gets 400, another type 415, too large 413', async () => {
    const post = (raw_body, headers = json) => api.request('POST', '/api/tasks', { raw_body, headers });
    for (const text of ['{', '{"a":1} x', '{"a":"\ud800"}'.replace('\ud800', '\\ud800'), 'nul']) {
      assert_json_error(await post(text), 400);
    }
    assert_json_error(await post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 400);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
      assert_json_error(await post('{"description":"x"}', { 'content-type': type }), 415);
    }
    assert_json_error(await post(Buffer.alloc(8_000_001, 0x20)), 413);
    await assert_alive();
  });

  test('bodies: JSON types in any spelling, none at all, and 8 000 000 bytes', async () => {
    const post = (raw_body, headers) => api.request('POST', '/api/tasks', { raw_body, headers });
    const body = '{"description":"x","needed_capabilities":["none"]}';
    for (const type of ['application/json', 'APPLICATION/JSON; charset=utf-8', 'application/vnd.api+json']) {
      assert.equal((await post(body, { 'content-type': type })).status, 201, type);
    }
    const ignored = await post(body, {});
    assert.equal(ignored.status, 422); // without a type the body does not count
    assert.equal((await post('', json)).status, 422);
    assert.equal((await post('', { 'content-type': 'text/plain' })).status, 422); // an empty body has no type (Q32)
    const padded = Buffer.concat([Buffer.from(body), Buffer.alloc(8_000_000 - body.length, 0x20)]);
    assert.equal((await post(padded, json)).status, 201);
    // A body on GET is ignored.
    assert.equal((await api.request('GET', '/health', { raw_body: '{', headers: json })).status, 200);
  });

  test('duplicate keys in a body: the last one counts', async () => {
    const reply = await api.request('POST', '/api/tasks', {
      raw_body: '{"description":1,"description":"last","needed_capabilities":["none"]}', headers: json,
    });
    assert.equal(reply.status, 201, reply.text);
    assert.equal((await api.get(`/api/tasks/${reply.body.task_id}`)).body.description, 'last');
  });

  test('a query that is not UTF-8 gets 400', async () => {
    assert_json_error(await api.get('/api/agents?x=%ff%fe'), 400);
  });

  test('a request line over 10 000 bytes gets 414, too much or too many headers 431', async () => {
    const long_line = await exchange(`GET /${'a'.repeat(10_001)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    assert.equal(long_line.response.status, 414);
    assert.equal(typeof long_line.response.json?.error, 'string');
    const long_header = await exchange(`GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'a'.repeat(10_001)}\r\n\r\n`);
    assert.equal(long_header.response.status, 431);
    assert.equal(typeof long_header.response.json?.error, 'string');
    const many = Array.from({ length: 60 }, (_, i) => `X-${i}: y\r\n`).join('');
    const many_headers = await exchange(`GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n${many}\r\n`);
    assert.equal(many_headers.response.status, 431);
    for (const { raw } of [long_line, long_header, many_headers]) raw.destroy();
    await assert_alive();
  });

  test('HTTP/1.1 wants a Host, HTTP/1.0 does not', async () => {
    const without = await exchange('GET /health HTTP/1.1\r\n\r\n');
    assert.equal(without.response.status, 400);
    assert.equal(typeof without.response.json?.error, 'string');
    without.raw.destroy();
    const old = await exchange('GET /health HTTP/1.0\r\n\r\n');
    assert.equal(old.response.status, 200);
    await old.raw.expect_closed(); // HTTP/1.0 without keep-alive
  });

  test('what is no HTTP gets 400 or an end', async () => {
    for (const text of ['\x16\x03\x01\x02\x00', 'hello there\r\n\r\n', 'GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n', 'GET  /health\r\n\r\n']) {
      const { raw, response } = await exchange(text);
      if (response) assert.ok(response.status >= 400 && response.status <= 505, `${response.status}`);
      await raw.expect_closed();
    }
    await assert_alive();
  });

  test('a body whose length is unclear is refused', async () => {
    const head = `POST /api/tasks HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nContent-Type: application/json\r\n`;
    for (const lengths of [
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', 'Content-Length: 2\r\nContent-Length: 3\r\n',
      'Content-Length: -1\r\n', 'Content-Length: 2x\r\n', 'Content-Length: 99999999999999999999\r\n',
    ]) {
      const { raw, response } = await exchange(`${head}${lengths}\r\n{}`);
      assert.ok([400, 413].includes(response?.status), `${lengths}: ${response?.status}`);
      await raw.expect_closed(); // whatever follows cannot be trusted to be a request
    }
    await assert_alive();
  });

  test('keep-alive: many requests on one connection, and Connection: close ends it', async () => {
    const raw = await RawSocket.connect(hub.port);
    for (let i = 0; i < 20; ++i) {
      raw.write(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n\r\n`);
      assert.equal((await raw.read_response()).status, 200);
    }
    raw.write(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nConnection: close\r\n\r\n`);
    assert.equal((await raw.read_response()).status, 200);
    await raw.expect_closed();
  });
});

describe('rate limits', () => {
  test('profile v1.1: the eleventh registration of a minute gets 429 with retry-after', async (t) => {
    const hub = await hub_for(t, { profile: 'v1.1', limits: 'on' });
    const api = hub.api(null);
    const replies = [];
    for (let i = 0; i < 11; ++i) replies.push(await api.post('/api/onboard/register', { agent_id: `r${i}` }));
    assert.deepEqual(replies.slice(0, 10).map((reply) => reply.status), Array(10).fill(201));
    const last = replies[10];
    assert.equal(last.status, 429);
    assert.equal(last.body.error, 'rate_limited');
    assert.equal(last.body.tier, 'heavy');
    assert.ok(last.body.retry_after_ms > 0 && last.body.retry_after_ms <= 6000);
    assert.equal(last.body.retry_after_ms % 1000, 0);
    assert.equal(last.headers['retry-after'], String(last.body.retry_after_ms / 1000));
  });

  test('reports about tasks are never refused', async (t) => {
    const hub = await hub_for(t, { profile: 'v1.1', limits: 'on' });
    const agent = await Client.join(hub, 'busy', { capabilities: ['c'] });
    const api = hub.api();
    const { task_id } = (await api.post('/api/tasks', { description: '', needed_capabilities: ['c'] })).body;
    await agent.expect({ type: 'task_assign', task_id });
    for (let i = 0; i < 70; ++i) agent.send({ type: 'message', to: 'nobody', payload: {} });
    await agent.expect({ type: 'rate_limited' });
    await agent.request({ type: 'task_complete', task_id, generation: 1 }, { type: 'task_ack', status: 'complete' });
  });
});
