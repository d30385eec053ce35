// The golden transcripts of spec/websocket.md, one data file each (lib/golden.mjs describes the format), against a hub
// in its v1.1 profile. Frames must have exactly the keys of v1.1.

import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GoldenPlayer } from './lib/golden.mjs';
import { hub_for } from './lib/hub.mjs';

const directory = path.join(path.dirname(fileURLToPath(import.meta.url)), 'data/golden');

for (const name of fs.readdirSync(directory).filter((file) => file.endsWith('.json')).sort()) {
  const transcript = JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8'));
  test(`${name}: ${transcript.title}`, async (t) => {
    const hub = await hub_for(t, { profile: 'v1.1', limits: 'on', settings: transcript.hub?.settings });
    const player = new GoldenPlayer(hub, transcript);
    t.after(() => player.dispose());
    await player.play();
  });
}
