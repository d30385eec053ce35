// Writes the generated parts of the documents anew: node tests/e2e/update_docs.mjs, after a build.

import { generated_parts, update } from './lib/generated.mjs';

for (const part of generated_parts) {
  if (await update(part)) console.log(`${part.document}: ${part.title}`);
}
