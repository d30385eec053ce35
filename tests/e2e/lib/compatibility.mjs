// The rows of docs/compatibility.md, so that each can be held against a test.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const file = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../docs/compatibility.md');
const kVerdicts = ['same', 'mended', 'extended', 'deviating'];

/** The names in the first cell of each row of a section, with the row's verdict. */
function rows_of(section) {
  return section
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .flatMap((line) => {
      const [names, verdict] = line.split(' | ');
      const words = verdict.split(',').map((word) => word.trim());
      if (!words.every((word) => kVerdicts.includes(word))) throw new Error(`no verdict: ${line}`);
      return [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => ({ name, verdict: words }));
    });
}

/** {from_clients, from_hub, routes}: lists of {name, verdict}. */
export function compatibility_rows() {
  const sections = new Map(
    fs
      .readFileSync(file, 'utf8')
      .split(/^## /m)
      .map((section) => [section.split('\n')[0], section]),
  );
  return {
    from_clients: rows_of(sections.get('WebSocket, from clients')),
    from_hub: rows_of(sections.get('WebSocket, from the hub')),
    routes: rows_of(sections.get('HTTP')),
  };
}
